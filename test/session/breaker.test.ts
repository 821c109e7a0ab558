import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { SECOND_MS } from '../../src/clock.ts'
import type { Session } from '../../src/session/session.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

describe('children that crash', () => {
  /** The session's child serves a call and ends by itself. */
  const crash = async (session: Session) => {
    const { result } = await world.call(session, tool('echo'))
    world.spawner.children.find(({ pid }) => pid === result?.pid)?.die(139, 'segmentation fault')
    await world.clock.settle()
  }
  const ask = (session: Session, caller = world.alice) =>
    session.request(caller, tool('echo'), sink())

  test('three times within a minute: 503 with the reason and a wait, for that account alone', async () => {
    const { id, session } = await world.open()
    const other = await world.open(world.bob)
    for (let n = 0; n < 3; n++) await crash(session)
    expect(await ask(session)).toEqual({
      ok: false,
      error: {
        kind: 'start-failed',
        reason:
          'forgejo-mcp crashed 3 times within a minute; at last it exited with code 139: segmentation fault',
        retryAfterMs: 30 * SECOND_MS,
      },
    })
    expect(
      await world.registry.initialize(world.alice, request('initialize', INITIALIZE), sink()),
    ).toMatchObject({ error: { kind: 'start-failed' } })
    expect((await world.call(other.session, tool('echo'), world.bob)).result).toBeDefined()
    expect(world.registry.find(world.alice, id).ok).toBe(true)
    expect(world.audited('child.crashed')).toHaveLength(3)
    expect(world.audited('breaker.opened')).toHaveLength(1)
  })

  test('are started again by themselves when the wait is over; another crash soon after means another wait', async () => {
    const { session } = await world.open()
    for (let n = 0; n < 3; n++) await crash(session)
    await world.clock.advance(30 * SECOND_MS - 1)
    expect((await ask(session)).ok).toBe(false)
    await world.clock.advance(1)
    await crash(session)
    expect(await ask(session)).toMatchObject({ error: { retryAfterMs: 30 * SECOND_MS } })
    await world.clock.advance(90 * SECOND_MS)
    await crash(session)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('breaker.opened')).toHaveLength(2)
  })

  test('now and then are woken every time', async () => {
    const { session } = await world.open()
    for (let n = 0; n < 6; n++) {
      await crash(session)
      await world.clock.advance(31 * SECOND_MS)
    }
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('breaker.opened')).toEqual([])
  })

  test('all at once have one cause, and are woken', async () => {
    const sessions = []
    for (let n = 0; n < 5; n++) sessions.push((await world.open()).session)
    await world.clock.advance(SECOND_MS)
    for (const child of world.spawner.alive) {
      child.die(137)
      await world.clock.advance(1)
    }
    await world.clock.settle()
    for (const session of sessions)
      expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('breaker.opened')).toEqual([])
    // One after the other they count.
    for (const child of world.spawner.alive.slice(0, 3)) {
      await world.clock.advance(SECOND_MS)
      child.die(137)
    }
    await world.clock.settle()
    expect(world.audited('breaker.opened')).toHaveLength(1)
  })

  test('leave those that run alone', async () => {
    const { session } = await world.open()
    const steady = await world.open()
    const child = world.spawner.last
    for (let n = 0; n < 3; n++) await crash(session)
    expect((await world.call(steady.session, tool('echo'))).result).toMatchObject({
      pid: child.pid,
    })
  })

  test('are not those that were told to stop', async () => {
    const { session } = await world.open()
    for (let n = 0; n < 4; n++) {
      await world.call(session, tool('echo'))
      world.registry.credentialDied(world.alice.accountId)
      await world.clock.advance(SECOND_MS)
    }
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('child.crashed')).toEqual([])
  })
})
