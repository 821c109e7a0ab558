import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
afterEach(() => world.close())

const initialize = (caller = world.alice) =>
  world.registry.initialize(caller, request('initialize', INITIALIZE), sink())

describe('the cap on children', () => {
  test('puts the longest idle child to sleep to make room for another', async () => {
    world = createWorld({ config: { maxSessions: 2 } })
    const first = await world.open()
    await world.clock.advance(SECOND_MS)
    const second = await world.open(world.bob)
    await world.clock.advance(SECOND_MS)
    await world.call(first.session, tool('echo'))
    await world.clock.advance(SECOND_MS)
    await world.open()
    const [ofFirst, ofSecond] = world.spawner.children
    expect([ofFirst?.alive, ofSecond?.alive]).toEqual([true, false])
    expect(world.spawner.alive).toHaveLength(2)
    expect((await world.call(second.session, tool('echo'), world.bob)).result).toBeDefined()
    expect(world.spawner.alive).toHaveLength(2)
  })

  test('refuses with a wait of at most a minute when every child is busy', async () => {
    world = createWorld({ config: { maxSessions: 1 } })
    const { session } = await world.open()
    const open = world.call(session, tool('hold'))
    await world.clock.settle()
    const refused = await initialize(world.bob)
    expect(refused).toMatchObject({ ok: false, error: { kind: 'full' } })
    if (!refused.ok) expect(refused.error.retryAfterMs).toBeWithin(1, 60_001)
    world.spawner.last.release()
    await open
    expect((await initialize(world.bob)).ok).toBe(true)
  })

  test('per user spares the children of others', async () => {
    world = createWorld({ config: { maxSessionsPerUser: 1 } })
    await world.open(world.bob)
    await world.clock.advance(SECOND_MS)
    await world.open()
    await world.open()
    expect(world.spawner.children.map(({ alive }) => alive)).toEqual([true, false, true])
  })

  test('holds for starts that happen at the same time', async () => {
    world = createWorld({ config: { maxSessions: 3 } })
    world.spawner.behave({ mute: true })
    const starts = Array.from({ length: 5 }, () => initialize())
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(3)
    await world.clock.advance(MINUTE_MS)
    const kinds = (await Promise.all(starts)).map((start) => (start.ok ? 'ok' : start.error.kind))
    expect(kinds.filter((kind) => kind === 'full')).toHaveLength(2)
  })

  test('of zero is no cap', async () => {
    world = createWorld({ config: { maxSessions: 0, maxSessionsPerUser: 0 } })
    for (let n = 0; n < 12; n++) await world.open()
    expect(world.spawner.alive).toHaveLength(12)
  })

  test('waits for the process that makes room to be gone', async () => {
    world = createWorld({ config: { maxSessions: 1 } })
    world.spawner.behave({ deaf: true })
    await world.open()
    const next = initialize(world.bob)
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(1)
    world.spawner.last.die()
    world.spawner.behave({})
    expect((await next).ok).toBe(true)
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('gives every slot back, however a start ends', async () => {
    world = createWorld({ config: { maxSessions: 1 } })
    world.spawner.behave({ missing: true })
    await initialize()
    await world.clock.advance(SECOND_MS)
    world.spawner.behave({ dies: 'no' })
    await initialize()
    world.spawner.behave({ decline: { code: -1, message: 'no' } })
    await initialize(world.bob)
    world.access.refuse({ kind: 'later', reason: 'no' })
    await initialize(world.bob)
    world.access.refuse(undefined)
    await world.clock.advance(MINUTE_MS)
    world.spawner.behave({})
    await world.open()
    expect(world.spawner.alive).toHaveLength(1)
    expect(world.access.held()).toBe(1)
  })
})

describe('a child that does not start', () => {
  beforeEach(() => {
    world = createWorld()
  })

  test('is refused with its last words, secrets removed', async () => {
    world.spawner.behave({ dies: 'connection test failed: bad token credential-1-1' })
    const refused = await initialize()
    expect(refused).toEqual({
      ok: false,
      error: {
        kind: 'start-failed',
        reason: 'forgejo-mcp exited with code 1: connection test failed: bad token [redacted]',
        retryAfterMs: 1_000,
      },
    })
    expect(world.audited('child.start-failed')).toHaveLength(1)
  })

  test('is not tried again before the wait is over; the wait doubles up to 30 s', async () => {
    world.spawner.behave({ dies: 'no' })
    const waits: (number | undefined)[] = []
    for (let n = 0; n < 7; n++) {
      const refused = await initialize()
      const wait = refused.ok ? undefined : refused.error.retryAfterMs
      waits.push(wait)
      await initialize()
      expect(world.spawner.children).toHaveLength(n + 1)
      await world.clock.advance(wait ?? 0)
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * SECOND_MS))
    world.spawner.behave({})
    expect((await initialize()).ok).toBe(true)
    world.spawner.behave({ dies: 'no' })
    expect(await initialize()).toMatchObject({ error: { retryAfterMs: 1_000 } })
  })

  test('together with others counts as one failure', async () => {
    world.spawner.behave({ dies: 'no' })
    const together = await Promise.all([initialize(), initialize(), initialize()])
    for (const refused of together)
      expect(refused).toMatchObject({ error: { retryAfterMs: 1_000 } })
    await world.clock.advance(SECOND_MS)
    expect(await initialize()).toMatchObject({ error: { retryAfterMs: 2_000 } })
  })

  test('holds up its own account only', async () => {
    world.spawner.behave({ dies: 'no' })
    await initialize()
    world.spawner.behave({})
    expect((await initialize()).ok).toBe(false)
    expect((await initialize(world.bob)).ok).toBe(true)
  })

  test('because it says nothing is given up and stopped', async () => {
    world.spawner.behave({ mute: true })
    const start = initialize()
    await world.clock.advance(15 * SECOND_MS)
    expect(await start).toMatchObject({ error: { kind: 'start-failed' } })
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.access.held()).toBe(0)
  })

  test('because there is no program says so', async () => {
    world.spawner.behave({ missing: true })
    expect(await initialize()).toMatchObject({
      error: {
        kind: 'start-failed',
        reason: expect.stringContaining('no such program: forgejo-mcp'),
      },
    })
  })

  test('keeps a sleeping session, whose next request tries again', async () => {
    const { session } = await world.open()
    world.spawner.last.die()
    await world.clock.settle()
    world.spawner.behave({ dies: 'Forgejo is away' })
    const requests = Array.from({ length: 3 }, () =>
      session.request(world.alice, tool('echo'), sink()),
    )
    for (const refused of await Promise.all(requests))
      expect(refused).toMatchObject({ error: { kind: 'start-failed', retryAfterMs: 1_000 } })
    expect(world.spawner.children).toHaveLength(2)
    world.spawner.behave({})
    await world.clock.advance(SECOND_MS)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
  })

  test('because it declines a handshake that another took keeps the session and holds up the next try', async () => {
    const { id, session } = await world.open()
    world.spawner.last.die()
    await world.clock.settle()
    world.spawner.behave({ decline: { code: -32602, message: 'not today' } })
    for (let n = 0; n < 3; n++)
      expect(await session.request(world.alice, tool('echo'), sink())).toMatchObject({
        error: { kind: 'start-failed', reason: 'forgejo-mcp declined: not today' },
      })
    expect(world.spawner.children).toHaveLength(2)
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })

  test('because there is no access passes the reason on and holds nobody up', async () => {
    for (const kind of ['login', 'later', 'operator'] as const) {
      world.access.refuse({ kind, reason: `because ${kind}`, retryAfterMs: 90_000 })
      expect(await initialize()).toEqual({
        ok: false,
        error: { kind, reason: `because ${kind}`, retryAfterMs: 60_000 },
      })
    }
    world.access.refuse(undefined)
    expect((await initialize()).ok).toBe(true)
    expect(world.spawner.children).toHaveLength(1)
  })
})
