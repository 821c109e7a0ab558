import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import type { Session } from '../../src/session/session.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

/** The number that the session's next event stream gets. */
async function streamNumber({ streams }: Session): Promise<number> {
  const { reader, end } = streams.open(['1'], { familyId: 'family' })
  end()
  return Number(/^id: (\d+)-/.exec(await new Response(reader.body).text())?.[1])
}

describe('sleep and wake', () => {
  const idle = async (ms = 15 * MINUTE_MS) => {
    await world.clock.advance(ms)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
  }

  test('an idle child is stopped and the session goes on', async () => {
    const { id, session } = await world.open()
    await world.call(session, tool('echo'))
    await idle()
    expect(world.spawner.alive).toEqual([])
    expect(world.access.held()).toBe(0)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.spawner.children).toHaveLength(2)
  })

  test('a session never used after initialize sleeps within a minute', async () => {
    await world.open()
    await idle(44 * SECOND_MS)
    expect(world.spawner.alive).toHaveLength(1)
    await idle(SECOND_MS)
    expect(world.spawner.alive).toHaveLength(0)
  })

  test('a child with a call in flight is not put to sleep', async () => {
    const { session } = await world.open()
    await world.call(session, tool('echo'))
    const open = world.call(session, tool('hold'))
    await idle(4 * MINUTE_MS)
    world.registry.reap(world.clock.now() + 20 * MINUTE_MS)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(1)
    world.spawner.last.release()
    expect((await open).result).toMatchObject({ released: true })
  })

  test('a woken child is told everything that the first one was told', async () => {
    const { session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    await world.call(session, request('logging/setLevel', { level: 'debug' }))
    await world.call(session, request('resources/subscribe', { uri: 'forgejo://a' }))
    await world.call(session, request('resources/subscribe', { uri: 'forgejo://b' }))
    await world.call(session, request('resources/subscribe', { uri: 'forgejo://refused' }))
    await world.call(session, request('resources/unsubscribe', { uri: 'forgejo://a' }))
    await idle()
    await world.call(session, tool('echo'))
    expect(world.spawner.last.received.map(({ method, params }) => [method, params])).toEqual([
      ['initialize', INITIALIZE],
      ['notifications/initialized', undefined],
      ['logging/setLevel', { level: 'debug' }],
      ['resources/subscribe', { uri: 'forgejo://b' }],
      ['tools/call', { name: 'echo', arguments: {} }],
    ])
  })

  test('a client that says initialized twice is heard once', async () => {
    const { session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    await world.notify(session, 'notifications/initialized')
    expect(world.spawner.last.methods()).toEqual(['initialize', 'notifications/initialized'])
  })

  test('a client that never said initialized has it not said for it', async () => {
    const { session } = await world.open()
    await idle()
    await world.call(session, tool('echo'))
    expect(world.spawner.last.methods()).toEqual(['initialize', 'tools/call'])
  })

  test('a notification wakes nobody; initialized is told to the next child', async () => {
    const { session } = await world.open()
    await idle()
    await world.notify(session, 'notifications/roots/list_changed')
    await world.notify(session, 'notifications/initialized')
    expect(world.spawner.children).toHaveLength(1)
    await world.call(session, tool('echo'))
    expect(world.spawner.last.methods()).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
    ])
  })

  test('twenty simultaneous requests on a sleeping session start one child', async () => {
    const { session } = await world.open()
    await idle()
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => world.call(session, tool('echo', { n }))),
    )
    expect(replies.map(({ result }) => result?.said)).toEqual(
      Array.from({ length: 20 }, (_, n) => ({ n })),
    )
    expect(world.spawner.children).toHaveLength(2)
  })

  test('a session that sleeps for long leaves memory, and whoever still holds it shares its next child', async () => {
    const { id, session } = await world.open()
    expect(world.registry.count()).toMatchObject({ sessions: 1, awake: 1, children: 1 })
    await idle()
    await idle()
    expect(world.registry.count()).toMatchObject({ sessions: 0, awake: 0, children: 0 })
    const before = await streamNumber(session)
    const again = world.registry.find(world.alice, id)
    if (!again.ok) throw new Error('lost')
    const replies = [session, again.value].map((held) => world.call(held, tool('echo')))
    const [one, two] = await Promise.all(replies)
    expect(one?.result?.pid).toBe(two?.result?.pid)
    expect(world.spawner.alive).toHaveLength(1)
    expect(await streamNumber(again.value)).toBeGreaterThan(before)
  })

  test('a restart of the broker is a sleep of all sessions', async () => {
    const { id, session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    await world.call(session, tool('echo'))
    const before = await streamNumber(session)
    await world.registry.stopAll(0)
    expect(world.spawner.alive).toEqual([])
    const registry = world.restart()
    const found = registry.find(world.alice, id)
    if (!found.ok) throw new Error('lost')
    expect(await streamNumber(found.value)).toBeGreaterThan(before)
    expect((await world.call(found.value, tool('echo'))).result).toBeDefined()
    expect(world.spawner.last.methods()).toContain('notifications/initialized')
  })

  test('a new child waits for the end of the one that was put to sleep', async () => {
    world.spawner.behave({ deaf: true })
    const { session } = await world.open()
    world.spawner.behave({})
    await idle(MINUTE_MS)
    const reply = world.call(session, tool('echo'))
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(1)
    world.spawner.last.die()
    expect((await reply).result).toBeDefined()
    expect(world.spawner.children).toHaveLength(2)
  })

  test('a child with another protocol version ends the session, and the audit says why', async () => {
    const { id, session } = await world.open()
    await idle()
    world.spawner.behave({ version: '2024-11-05' })
    const refused = await session.request(world.alice, tool('echo'), sink())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'not-found' } })
    expect(world.registry.find(world.alice, id).ok).toBe(false)
    expect(world.audited('session.ended')).toEqual([
      'mismatch: protocol version 2024-11-05 instead of 2025-11-25',
    ])
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
  })

  test('a child with fewer capabilities ends the session; one with more does not', async () => {
    const more = await world.open()
    await idle()
    world.spawner.behave({
      capabilities: {
        logging: {},
        prompts: {},
        resources: { subscribe: true },
        tools: { listChanged: true },
      },
    })
    expect((await world.call(more.session, tool('echo'))).result).toBeDefined()
    await idle()
    world.spawner.behave({ capabilities: { logging: {}, resources: {}, tools: {} } })
    const refused = await more.session.request(world.alice, tool('echo'), sink())
    expect(refused).toMatchObject({ error: { kind: 'not-found' } })
    expect(world.audited('session.ended')).toEqual([
      'mismatch: no capability resources.subscribe any more',
    ])
  })

  test('use is written within seconds, and at the latest when the broker stops', async () => {
    const { id, session } = await world.open()
    await world.call(session, tool('echo'))
    expect(world.store.sessions.get(hashToken(id))?.calls).toBe(0)
    await world.clock.advance(5 * SECOND_MS)
    expect(world.store.sessions.get(hashToken(id))?.calls).toBe(1)
    await world.call(session, tool('echo'))
    await world.registry.stopAll(0)
    expect(world.store.sessions.get(hashToken(id))).toMatchObject({
      calls: 2,
      lastUsedAt: world.clock.now(),
    })
    expect(world.clock.pending).toBe(0)
  })
})
