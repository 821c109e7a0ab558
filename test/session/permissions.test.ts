import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, SECOND_MS } from '../../src/clock.ts'
import type { Caller } from '../../src/store/families.ts'
import { createWorld, sink, tool, type World } from './world.ts'

let world: World
let wide: Caller
beforeEach(() => {
  world = createWorld()
  wide = { ...world.alice, scopes: ['read:issue', 'write:issue'] }
})
afterEach(() => world.close())

const NARROW = ['read:issue']

const narrow = (clientId = world.alice.clientId) =>
  world.registry.changePermissions({ accountId: world.alice.accountId, clientId, scopes: NARROW })

/** A stream that is open for what belongs to no call; what it has said so far. */
function listen(session: Awaited<ReturnType<World['open']>>['session'], caller: Caller) {
  const opened = session.listen(caller)
  if (!opened.ok || !opened.value) throw new Error('no stream')
  const decoder = new TextDecoder()
  let text = ''
  const reading = async () => {
    for await (const chunk of opened.value?.body ?? []) text += decoder.decode(chunk)
  }
  void reading()
  return () => text
}

describe('a client whose permissions are narrowed', () => {
  test('loses the child that may do too much, and gets one that may not with its next call', async () => {
    const { session } = await world.open(wide)
    const [before] = world.spawner.children
    narrow()
    await world.clock.advance(6 * SECOND_MS)
    expect(world.spawner.alive).toEqual([])
    const reply = await world.call(session, tool('echo'), { ...wide, scopes: NARROW })
    expect(reply.result?.pid).toBe(world.spawner.last.pid)
    expect(world.spawner.last.pid).not.toBe(before?.pid ?? 0)
    expect(world.access.opened.at(-1)?.request.scopes).toEqual(NARROW)
  })

  test('keeps what it may do still', async () => {
    const reader = { ...wide, scopes: NARROW }
    const { session } = await world.open(reader)
    const first = await world.call(session, tool('echo'), reader)
    narrow()
    await world.clock.advance(6 * SECOND_MS)
    const second = await world.call(session, tool('echo'), reader)
    expect(second.result?.pid).toBe(first.result?.pid)
  })

  test('finishes what is in flight where the relay holds the child to the new scopes', async () => {
    const { session } = await world.open(wide)
    const slow = sink()
    await session.request(wide, tool('hold'), slow)
    narrow()
    await world.clock.advance(SECOND_MS)
    expect(slow.ends).toEqual([])
    world.spawner.last.release()
    expect((await slow.reply).result).toBeDefined()
    await world.clock.advance(6 * SECOND_MS)
    expect(world.spawner.alive).toEqual([])
  })

  test('is told on its open stream that its tools are others', async () => {
    const { session } = await world.open(wide)
    const said = listen(session, wide)
    narrow()
    await world.clock.advance(SECOND_MS)
    expect(said()).toContain('"method":"notifications/tools/list_changed"')
  })

  test('changes nothing for another client of the same user, nor for another user', async () => {
    const other = await world.open(world.phone)
    const bob = await world.open(world.bob)
    const said = [listen(other.session, world.phone), listen(bob.session, world.bob)]
    narrow()
    await world.clock.advance(6 * SECOND_MS)
    expect(world.spawner.alive).toHaveLength(2)
    for (const text of said) expect(text()).not.toContain('list_changed')
  })
})

test('sessions with a child are counted for each client', async () => {
  const first = await world.open()
  await world.open()
  await world.open(world.phone)
  expect(world.registry.awake(world.alice.accountId)).toEqual(
    new Map([
      [world.alice.clientId, 2],
      [world.phone.clientId, 1],
    ]),
  )
  expect(world.registry.awake(world.bob.accountId)).toEqual(new Map())
  world.registry.end(first.session, 'by the client')
  expect(world.registry.awake(world.alice.accountId).get(world.alice.clientId)).toBe(1)
})

test('sleeping and waking are written down, each once an hour and with the session', async () => {
  const events = (event: string) => world.store.audit.list({ event, limit: 100 })
  const { session } = await world.open()
  for (let day = 0; day < 5; day += 1) {
    await world.call(session, tool('echo'))
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.advance(6 * SECOND_MS)
  }
  expect(events('session.slept')).toHaveLength(1)
  expect(events('session.woke')).toHaveLength(1)
  expect(events('session.woke')[0]).toMatchObject({
    accountId: world.alice.accountId,
    clientId: world.alice.clientId,
    sessionHash: session.hash,
  })
  await world.clock.advance(HOUR_MS)
  await world.call(session, tool('echo'))
  expect(events('session.woke')).toHaveLength(2)
})
