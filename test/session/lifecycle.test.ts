import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { hashToken } from '../../src/crypto.ts'
import { createWorld, request, tool, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

describe('a session', () => {
  test('is served by one child for all its calls, whatever their ids', async () => {
    const { session } = await world.open()
    const replies = await Promise.all(
      [1, 2, 3].map((n) => world.call(session, tool('echo', { n }, 1))),
    )
    expect(replies.map(({ id, result }) => [id, result?.said])).toEqual([
      [1, { n: 1 }],
      [1, { n: 2 }],
      [1, { n: 3 }],
    ])
    expect(world.spawner.children).toHaveLength(1)
  })

  test('counts its answers by outcome', async () => {
    const { session } = await world.open()
    await world.call(session, tool('echo'))
    await world.call(session, request('resources/subscribe', { uri: 'forgejo://refused' }))
    const { values } = await world.metrics.calls.get()
    expect(values.map(({ labels, value }) => [labels.outcome, value])).toEqual([
      ['result', 2],
      ['error', 1],
    ])
  })

  test('knows what its client calls itself, and reads that once', async () => {
    const { session } = await world.open()
    const read = spyOn(JSON, 'parse')
    try {
      for (let n = 0; n < 3; n++) expect(session.clientName).toBe('test')
      expect(read).toHaveBeenCalledTimes(1)
    } finally {
      read.mockRestore()
    }
  })

  test('is found by its owner under another login too', async () => {
    const { id, session } = await world.open()
    const again = world.registry.find(world.second, id)
    expect(again).toEqual({ ok: true, value: session })
  })

  test('is not found by another client of the same account, nor under an unknown id', async () => {
    const { id } = await world.open()
    expect(world.registry.find(world.phone, id)).toEqual({ ok: false, error: 'not-found' })
    expect(world.registry.find(world.alice, 'unknown')).toEqual({ ok: false, error: 'not-found' })
    expect(world.audited('session.foreign')).toEqual([])
  })

  test('of another account looks unknown, and the attempt is audited', async () => {
    const { id } = await world.open()
    expect(world.registry.find(world.bob, id)).toEqual({ ok: false, error: 'not-found' })
    expect(world.store.audit.list({ event: 'session.foreign', limit: 9 })).toMatchObject([
      { accountId: world.bob.accountId, sessionHash: hashToken(id) },
    ])
  })

  test('whose child takes no more input gives new calls to the next one, which starts when that is gone', async () => {
    const { session } = await world.open()
    const open = world.call(session, tool('hang', {}, 'lost'))
    await world.clock.settle()
    world.spawner.last.mute()
    const replies = await Promise.all([1, 2].map((n) => world.call(session, tool('echo', { n }))))
    expect(world.spawner.children.map(({ alive }) => alive)).toEqual([false, true])
    const { pid } = world.spawner.last
    expect(replies.map(({ result }) => result)).toMatchObject([
      { pid, said: { n: 1 } },
      { pid, said: { n: 2 } },
    ])
    expect(await open).toMatchObject({ error: { data: { reason: 'child-died' } } })
  })

  test('whose child dies fails the calls in flight with their own error, and wakes for the next', async () => {
    const { session } = await world.open()
    const open = world.call(session, tool('hang', {}, 'lost'))
    await world.clock.settle()
    world.spawner.last.die()
    expect(await open).toMatchObject({
      id: 'lost',
      error: { code: -32603, data: { reason: 'child-died' } },
    })
    const reply = await world.call(session, tool('echo', { n: 2 }))
    expect(reply.result).toMatchObject({ pid: world.spawner.last.pid, said: { n: 2 } })
    expect(world.spawner.children).toHaveLength(2)
    expect(world.access.held()).toBe(1)
  })
})
