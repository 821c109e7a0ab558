import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { SECOND_MS } from '../../src/clock.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

describe('the end of the broker', () => {
  test('waits for calls in flight, refuses new ones and leaves no child', async () => {
    const { session } = await world.open()
    const other = await world.open(world.bob)
    const open = world.call(session, tool('hold'))
    await world.clock.settle()
    const stopped = world.registry.stopAll(10 * SECOND_MS)
    await world.clock.settle()
    const refused = { ok: false, error: { kind: 'later', retryAfterMs: 1_000 } }
    expect(await other.session.request(world.bob, tool('echo'), sink())).toMatchObject(refused)
    expect(
      await world.registry.initialize(world.alice, request('initialize', INITIALIZE), sink()),
    ).toMatchObject(refused)
    await world.clock.advance(5 * SECOND_MS)
    world.spawner.children[0]?.release()
    expect((await open).result).toMatchObject({ released: true })
    await world.clock.advance(SECOND_MS)
    await stopped
    expect(world.spawner.alive).toEqual([])
    expect(world.store.children.list()).toEqual([])
  })

  test('fails what is still in flight when the grace is over', async () => {
    const { session } = await world.open()
    const open = world.call(session, tool('hang'))
    await world.clock.settle()
    const stopped = world.registry.stopAll(10 * SECOND_MS)
    await world.clock.advance(10 * SECOND_MS)
    expect((await open).error?.data?.reason).toBe('stopped')
    await stopped
  })

  test('hurries at the second call', async () => {
    world.spawner.behave({ deaf: true })
    const { session } = await world.open()
    const open = world.call(session, tool('hang'))
    await world.clock.settle()
    const stopped = world.registry.stopAll(10 * SECOND_MS)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(1)
    await world.registry.stopAll(10 * SECOND_MS)
    await stopped
    expect((await open).error?.data?.reason).toBe('child-died')
    expect(world.spawner.alive).toEqual([])
  })

  test('stops a child that is being started', async () => {
    world.spawner.behave({ mute: true })
    const opening = world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      sink(),
    )
    await world.clock.settle()
    const stopped = world.registry.stopAll(SECOND_MS)
    await world.clock.advance(SECOND_MS)
    await stopped
    expect(await opening).toMatchObject({ ok: false, error: { kind: 'later' } })
    expect(world.spawner.alive).toEqual([])
  })

  test('leaves every session asleep, not ended', async () => {
    const { id } = await world.open()
    await world.registry.stopAll(0)
    expect(world.restart().find(world.alice, id).ok).toBe(true)
    expect(world.audited('session.ended')).toEqual([])
  })
})
