import { afterEach, beforeEach, expect, test } from 'bun:test'
import { hashToken, type TokenHash } from '../../src/crypto.ts'
import { createWorld, type World } from '../session/world.ts'

let world: World
let session: TokenHash
beforeEach(async () => {
  world = createWorld()
  session = (await world.open()).session.hash
})
afterEach(() => world.close())

const store = () => world.store.exchanges
const add = (stream: number, requestId: string | null = '1', sessionHash = session) =>
  store().add(stream, { sessionHash, stream, requestId })
const all = () =>
  world.foreign
    .query<{ stream: number; request_id: string | null }, []>(
      'SELECT stream, request_id FROM exchanges ORDER BY stream',
    )
    .all()

test('a stream is found by its session and number until it is forgotten', () => {
  add(1, '12345678901234567890')
  add(2, null)
  expect(store().get(session, 1)).toMatchObject({ requestId: '12345678901234567890' })
  expect(store().get(session, 2)).toMatchObject({ requestId: null })
  expect(store().get(session, 3)).toBeUndefined()
  expect(store().get(hashToken('other'), 1)).toBeUndefined()
  store().remove(session, 1)
  store().remove(session, 1)
  expect(store().get(session, 1)).toBeUndefined()
})

test('a session keeps a few of each kind, the newest', () => {
  add(1, null)
  for (let stream = 2; stream <= 101; stream++) add(stream, `"${stream}"`)
  expect(all().map(({ stream }) => stream)).toEqual([
    1,
    ...Array.from({ length: 32 }, (_, i) => 70 + i),
  ])
  for (let stream = 102; stream <= 150; stream++) add(stream, null)
  expect(all().filter((row) => row.request_id === null)).toHaveLength(32)
  expect(all().filter((row) => row.request_id !== null)).toHaveLength(32)
})

test('streams of a session that ended are forgotten with it, and only those', async () => {
  const other = (await world.open(world.bob)).session.hash
  add(1)
  add(1, null, other)
  world.registry.endFamily(world.alice.familyId, 'closed')
  expect(all()).toHaveLength(1)
  expect(store().get(other, 1)).toBeDefined()
})
