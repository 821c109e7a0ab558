import { afterEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { rpcNotification } from '../../src/mcp/rpc.ts'
import { createWorld, sink, tool, type World } from './world.ts'

let world: World
afterEach(() => world.close())

const renew = async () => {
  world.access.renew()
  world.registry.credentialRenewed(world.alice.accountId)
  await world.clock.settle()
}

describe('a renewed credential in relay mode', () => {
  test('restarts nothing', async () => {
    world = createWorld()
    const { id, session } = await world.open()
    await renew()
    await world.call(session, tool('echo'))
    expect(world.spawner.children).toHaveLength(1)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })
})

describe('a renewed credential in token mode', () => {
  const start = () => {
    world = createWorld({ config: { childCredential: 'token' } })
    return world.open()
  }

  test('gives the session a successor with the new token, under the same session id', async () => {
    const { id, session } = await start()
    await world.notify(session, 'notifications/initialized')
    const [old] = world.spawner.children
    await renew()
    expect(world.spawner.children).toHaveLength(2)
    expect(world.spawner.last.spec.env.FORGEJO_ACCESS_TOKEN).toBe('credential-2-2')
    expect(world.spawner.last.methods()).toEqual(['initialize', 'notifications/initialized'])
    expect((await world.call(session, tool('echo'))).result?.pid).toBe(world.spawner.last.pid)
    await world.clock.settle()
    expect(old?.alive).toBe(false)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })

  test('lets the old child finish what is in flight before it is stopped', async () => {
    const { session } = await start()
    const [old] = world.spawner.children
    const open = world.call(session, tool('hold'))
    await world.clock.settle()
    await renew()
    expect((await world.call(session, tool('echo'))).result?.pid).toBe(world.spawner.last.pid)
    await world.clock.advance(MINUTE_MS)
    expect(old?.stopped).toBe(false)
    old?.release()
    expect((await open).result).toMatchObject({ pid: old?.pid, released: true })
    await world.clock.advance(SECOND_MS)
    expect(old?.alive).toBe(false)
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('waits for a call no longer than a call may take', async () => {
    const { session } = await start()
    const open = world.call(session, tool('hang'))
    await world.clock.settle()
    await renew()
    await world.clock.advance(5 * MINUTE_MS)
    expect((await open).error?.data?.reason).toBe('timeout')
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.alive).toHaveLength(1)
    expect(world.access.held()).toBe(1)
  })

  test('does not let the end of the old child end or sleep the session', async () => {
    const { id, session } = await start()
    const [old] = world.spawner.children
    const open = session.request(world.alice, tool('hold'), sink())
    await open
    await renew()
    old?.die()
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([world.spawner.last])
    expect((await world.call(session, tool('echo'))).result?.pid).toBe(world.spawner.last.pid)
    expect(world.spawner.children).toHaveLength(2)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })

  test('a cancellation finds a call on the old child; one that names two calls cancels none', async () => {
    const { session } = await start()
    const [old] = world.spawner.children
    const open = world.call(session, tool('hang', {}, 7))
    await world.clock.settle()
    await renew()
    const twin = world.call(session, tool('hold', {}, 7))
    await world.clock.settle()
    await session.notify(world.alice, rpcNotification('notifications/cancelled', { requestId: 7 }))
    expect(old?.methods()).not.toContain('notifications/cancelled')
    world.spawner.last.release()
    expect((await twin).result).toMatchObject({ released: true })
    await session.notify(world.alice, rpcNotification('notifications/cancelled', { requestId: 7 }))
    expect(old?.methods()).toContain('notifications/cancelled')
    expect((await open).error?.data?.reason).toBe('cancelled')
  })

  test('that cannot be had leaves the old child in place, and the reaper tries again', async () => {
    const { session } = await start()
    world.access.refuse({ kind: 'later', reason: 'Forgejo is down', retryAfterMs: 3_000 })
    await renew()
    expect(world.spawner.children).toHaveLength(1)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    world.access.refuse(undefined)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(2)
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('overtakes a child that is still being started', async () => {
    const { session } = await start()
    await world.clock.advance(MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    world.spawner.behave({ mute: true })
    const open = world.call(session, tool('echo'))
    await world.clock.settle()
    const starting = world.spawner.last
    world.spawner.behave({})
    await renew()
    const initialize = starting.received[0]
    starting.say({
      jsonrpc: '2.0',
      id: initialize?.id,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { logging: {}, resources: { subscribe: true }, tools: { listChanged: true } },
      },
    })
    expect((await open).result).toBeDefined()
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.children).toHaveLength(3)
    expect(world.spawner.alive).toEqual([world.spawner.last])
  })

  test('that comes of the wake itself starts no second child', async () => {
    const { session } = await start()
    await world.clock.advance(MINUTE_MS)
    world.registry.reap(world.clock.now())
    const provider = world.access.provider
    const plain = provider.open
    provider.open = (wanted) => {
      world.access.renew()
      world.registry.credentialRenewed(world.alice.accountId)
      return plain(wanted)
    }
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(2)
  })

  test('may exceed the cap by the pair of the hand-over only', async () => {
    world = createWorld({ config: { childCredential: 'token', maxSessions: 1 } })
    const { session } = await world.open()
    const open = world.call(session, tool('hold'))
    await world.clock.settle()
    await renew()
    expect(world.spawner.alive).toHaveLength(2)
    world.spawner.children[0]?.release()
    await open
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.alive).toHaveLength(1)
  })
})

describe('a child with calls stuck past their deadline', () => {
  test('gets a successor before the next call, and is stopped', async () => {
    world = createWorld()
    const { session } = await world.open()
    const hung = Array.from({ length: 5 }, () => world.call(session, tool('hang')))
    await world.clock.advance(5 * MINUTE_MS)
    for (const reply of await Promise.all(hung)) expect(reply.error?.data?.reason).toBe('timeout')
    expect((await world.call(session, tool('echo'))).result?.pid).toBe(world.spawner.last.pid)
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(2)
    expect(world.spawner.alive).toEqual([world.spawner.last])
  })

  test('gets one from the reaper too', async () => {
    world = createWorld()
    const { session } = await world.open()
    const hung = world.call(session, tool('hang'))
    await world.clock.advance(5 * MINUTE_MS)
    await hung
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.children).toHaveLength(2)
  })
})

describe('a dead credential', () => {
  test('puts every session of the account to sleep, and any login wakes them', async () => {
    world = createWorld()
    const { id, session } = await world.open()
    const other = await world.open(world.bob)
    world.access.refuse({ kind: 'login', reason: 'log in again' })
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.settle()
    expect(world.registry.accountsWithChildren()).toEqual(new Set([world.bob.accountId]))
    const refused = await session.request(world.alice, tool('echo'), sink())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'login' } })
    expect((await world.call(other.session, tool('echo'), world.bob)).result).toBeDefined()
    world.access.refuse(undefined)
    expect(world.registry.find(world.alice, id).ok).toBe(true)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
  })

  test('lets a call in flight end by itself within seconds', async () => {
    world = createWorld()
    const { session } = await world.open()
    const open = world.call(session, tool('hold'))
    const hung = world.call(session, tool('hang'))
    await world.clock.settle()
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.advance(SECOND_MS)
    world.spawner.last.release()
    expect((await open).result).toBeDefined()
    await world.clock.advance(5 * SECOND_MS)
    expect((await hung).error?.data?.reason).toBe('stopped')
    expect(world.spawner.alive).toEqual([])
  })
})
