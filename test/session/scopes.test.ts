import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import type { Caller } from '../../src/store/families.ts'
import { createWorld, request, sink, tool, type World } from './world.ts'

let world: World
let reader: Caller
beforeEach(() => {
  world = createWorld()
  reader = { ...world.second, scopes: ['read:issue'] }
})
afterEach(() => world.close())

describe('a caller with other scopes than the session’s child', () => {
  test('gets a child of those scopes, told the same handshake', async () => {
    const { id, session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    await world.call(session, request('logging/setLevel', { level: 'info' }))
    const found = world.registry.find(reader, id)
    if (!found.ok) throw new Error('not found')
    const reply = await world.call(found.value, tool('echo'), reader)
    expect(world.access.opened.map((access) => access.request.scopes)).toEqual([
      ['write:issue'],
      ['read:issue'],
    ])
    expect(reply.result?.pid).toBe(world.spawner.last.pid)
    expect(world.spawner.last.methods()).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'tools/call',
    ])
    expect(world.spawner.alive).toHaveLength(2)
  })

  test('shares the handshake: initialized, once said, is said to every child', async () => {
    const { session } = await world.open()
    await world.call(session, tool('echo'), reader)
    await world.notify(session, 'notifications/initialized')
    for (const child of world.spawner.children)
      expect(child.methods()).toContain('notifications/initialized')
  })

  test('never shares a child with a wider one', async () => {
    const { session } = await world.open()
    const [wide] = world.spawner.children
    for (let n = 0; n < 3; n++) {
      const narrow = await world.call(session, tool('echo'), reader)
      const other = await world.call(session, tool('echo'))
      expect([narrow.result?.pid, other.result?.pid]).toEqual([
        world.spawner.last.pid,
        wide?.pid ?? 0,
      ])
    }
    expect(world.spawner.children).toHaveLength(2)
  })

  test('is told apart by the set, not by its order', async () => {
    const both = { ...world.alice, scopes: ['write:issue', 'read:user'] }
    const { session } = await world.open(both)
    await world.call(session, tool('echo'), { ...both, scopes: ['read:user', 'write:issue'] })
    expect(world.spawner.children).toHaveLength(1)
  })

  test('has a child that sleeps and dies on its own', async () => {
    const { session } = await world.open()
    await world.call(session, tool('echo'), reader)
    const [wide, narrow] = world.spawner.children
    narrow?.die()
    await world.clock.settle()
    expect(wide?.alive).toBe(true)
    await world.clock.advance(10 * MINUTE_MS)
    await world.call(session, tool('echo'), reader)
    await world.clock.advance(5 * MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([world.spawner.last])
  })

  test('sees the end of the session like everyone', async () => {
    const { session } = await world.open()
    await world.call(session, tool('echo'), reader)
    world.registry.end(session, 'by the client')
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
  })
})

test('a question of a child is answered to that child only, under an id of its own', async () => {
  const { session } = await world.open()
  const [wide] = world.spawner.children
  await world.call(session, tool('echo'), reader)
  const narrow = world.spawner.last
  const ofWide = sink()
  const ofNarrow = sink()
  await session.request(world.alice, tool('hold'), ofWide)
  await session.request(reader, tool('hold'), ofNarrow)
  for (const child of [wide, narrow]) child?.say({ jsonrpc: '2.0', id: 'q', method: 'roots/list' })
  await world.clock.settle()
  const asked = [ofWide, ofNarrow].map(({ messages }) => JSON.parse(messages[0] ?? '{}').id)
  expect(asked[0]).not.toBe(asked[1])
  await session.answer(world.alice, {
    kind: 'response',
    id: asked[1],
    idText: String(asked[1]),
    result: { roots: [] },
  })
  expect(narrow.received.at(-1)).toEqual({ jsonrpc: '2.0', id: 'q', result: { roots: [] } })
  expect(wide?.methods()).not.toContain('answer')
})
