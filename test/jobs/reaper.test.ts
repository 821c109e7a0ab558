import { afterEach, describe, expect, test } from 'bun:test'
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { createReaper } from '../../src/jobs/reaper.ts'
import { createWorld, tool, type World } from '../session/world.ts'

let world: World
afterEach(() => world.close())

const start = (config: Parameters<typeof createWorld>[0] = {}) => {
  world = createWorld(config)
  return createReaper({ registry: world.registry, config: world.config })
}

describe('the reaper', () => {
  test('puts an idle child to sleep and keeps the session', async () => {
    const reaper = start()
    const { id, session } = await world.open()
    await world.call(session, tool('echo'))
    await reaper.runOnce(world.clock.now())
    await world.clock.advance(14 * MINUTE_MS)
    await reaper.runOnce(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(1)
    await world.clock.advance(MINUTE_MS)
    await reaper.runOnce(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(0)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })

  test('ends an unused session and one that was revoked', async () => {
    const reaper = start({ config: { sessionMaxAgeMs: DAY_MS } })
    const old = await world.open()
    await world.clock.advance(DAY_MS)
    const revoked = await world.open(world.phone)
    world.foreign.run("UPDATE families SET revoked_at = 1 WHERE id = 'family-alice-phone'")
    await reaper.runOnce(world.clock.now())
    expect(world.registry.find(world.alice, old.id).ok).toBe(false)
    expect(world.registry.find(world.phone, revoked.id).ok).toBe(false)
    expect(world.audited('session.ended').sort()).toEqual([
      'disuse: not used for too long',
      'revoked: access was revoked',
    ])
  })

  test('does what another process asks for every second, between its rounds', async () => {
    const reaper = start()
    expect(reaper.intervalMs).toBe(SECOND_MS)
    await reaper.runOnce(world.clock.now())
    const { id } = await world.open()
    await world.clock.advance(SECOND_MS)
    world.foreign.run('UPDATE sessions SET close_requested_at = 1')
    await reaper.runOnce(world.clock.now())
    expect(world.audited('session.ended')).toEqual(['operator: closed by the operator'])
    expect(world.registry.find(world.alice, id).ok).toBe(false)
  })

  test('makes its rounds every 12 s, and oftener when a setting is short', async () => {
    let rounds = 0
    const registry = { obey() {}, reap: () => void rounds++ }
    const times = async (config: { sessionIdleTimeoutMs: number; sessionMaxAgeMs: number }) => {
      rounds = 0
      const reaper = createReaper({ registry, config })
      for (let now = 0; now < MINUTE_MS; now += reaper.intervalMs) await reaper.runOnce(now)
      return rounds
    }
    expect(await times({ sessionIdleTimeoutMs: 15 * MINUTE_MS, sessionMaxAgeMs: 0 })).toBe(5)
    expect(await times({ sessionIdleTimeoutMs: 2 * SECOND_MS, sessionMaxAgeMs: DAY_MS })).toBe(120)
  })

  test('is not held up by a wall clock that is put back', async () => {
    let rounds = 0
    const registry = { obey() {}, reap: () => void rounds++ }
    const reaper = createReaper({
      registry,
      config: { sessionIdleTimeoutMs: MINUTE_MS, sessionMaxAgeMs: 0 },
    })
    await reaper.runOnce(10 * MINUTE_MS)
    await reaper.runOnce(MINUTE_MS)
    expect(rounds).toBe(2)
  })

  test('counts the sessions by state, and forgets children whose end went unwritten', async () => {
    const reaper = start()
    await world.open()
    await world.open(world.bob)
    world.spawner.last.die()
    await world.clock.settle()
    world.store.children.add(1, { pid: 4_000_000, startTime: 'x', accountId: 'y' })
    await reaper.runOnce(world.clock.now())
    const values = (await world.metrics.sessions.get()).values
    expect(values.map(({ labels, value }) => [labels.state, value])).toEqual([
      ['awake', 1],
      ['asleep', 1],
    ])
    expect(world.store.children.list().map(({ pid }) => pid)).toEqual(
      world.spawner.alive.map(({ pid }) => pid),
    )
  })
})
