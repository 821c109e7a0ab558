import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import { rpcNotification } from '../../src/mcp/rpc.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
const start = (config: Parameters<typeof createWorld>[0] = {}) => {
  world = createWorld({ standbyKeepMs: 5 * MINUTE_MS, ...config })
}
beforeEach(() => start())
afterEach(() => world.close())

/** Opens a session and lets the child for the next one come. */
const openAndWait = async (caller = world.alice) => {
  const opened = await world.open(caller)
  await world.clock.advance(SECOND_MS)
  return opened
}

describe('a child that stands by', () => {
  test('comes after a session was opened, and hears nothing until the next one is', async () => {
    await openAndWait()
    expect(world.spawner.children).toHaveLength(2)
    const [, standby] = world.spawner.children
    expect(standby?.received).toEqual([])
    expect(world.access.opened[1]?.request).toEqual({
      accountId: world.alice.accountId,
      scopes: [],
      leased: false,
    })
    expect(world.store.children.list().map(({ sessionHash }) => sessionHash)).toContain(null)

    const { id, session } = await world.open(world.phone)
    expect(world.spawner.children).toHaveLength(2)
    expect(standby?.received[0]).toMatchObject({ method: 'initialize', params: INITIALIZE })
    expect(world.access.opened[1]?.leases).toEqual([
      expect.objectContaining({ clientId: world.phone.clientId, scopes: world.phone.scopes }),
    ])
    const rows = world.store.children.list()
    expect(rows.find(({ pid }) => pid === standby?.pid)?.sessionHash).toBe(hashToken(id))
    expect((await world.call(session, tool('echo'), world.phone)).result).toMatchObject({
      pid: standby?.pid,
    })
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.alive).toHaveLength(3)
  })

  test('belongs to whoever got it: what it says goes there', async () => {
    await openAndWait()
    const { session } = await world.open()
    const hanging = sink()
    const slow = sink()
    await session.request(world.alice, tool('hang', {}, 'a'), hanging)
    await session.request(world.alice, tool('hold', {}, 'b'), slow)
    world.spawner.children[1]?.say(rpcNotification('notifications/message', { level: 'info' }))
    await world.clock.settle()
    expect([...hanging.messages, ...slow.messages]).toHaveLength(1)
  })

  test('wakes a session too, and is there for one account only', async () => {
    const { session } = await openAndWait()
    world.spawner.children[0]?.die()
    await world.clock.settle()
    await world.open(world.bob)
    expect(world.spawner.children).toHaveLength(3)
    expect((await world.call(session, tool('echo'))).result).toMatchObject({
      pid: world.spawner.children[1]?.pid,
    })
    expect(world.spawner.children[1]?.methods()).toEqual(['initialize', 'tools/call'])
  })

  test('is not missed when it has ended meanwhile, and that is nobody’s failure', async () => {
    await openAndWait()
    world.spawner.children[1]?.die(1, 'out of memory')
    await world.clock.settle()
    expect(world.access.held()).toBe(1)
    const { session } = await world.open()
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('child.crashed')).toEqual([])
  })

  test('that ends as it is spoken to is replaced before the client notices', async () => {
    world.spawner.behave({ dies: 'no longer' })
    const refused = await world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      sink(),
    )
    expect(refused.ok).toBe(false)
    world.spawner.behave({})
    await world.clock.advance(SECOND_MS)
    await world.open()
    world.spawner.behave({ dies: 'no longer' })
    await world.clock.advance(SECOND_MS)
    world.spawner.behave({})
    const { session } = await world.open()
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('child.start-failed')).toHaveLength(1)
  })

  test('that hangs is given up within seconds, and its place with it', async () => {
    await world.close()
    start({ config: { maxSessions: 2 } })
    await world.open()
    world.spawner.behave({ mute: true })
    await world.clock.advance(SECOND_MS)
    const [first, standby] = world.spawner.children
    world.spawner.behave({})
    const opened = world.open()
    await world.clock.advance(5 * SECOND_MS)
    const { session } = await opened
    expect(standby?.methods()).toEqual(['initialize'])
    expect(standby?.alive).toBe(false)
    expect(first?.alive).toBe(true)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    expect(world.audited('child.start-failed')).toEqual([])
  })

  test('goes when no session was opened for minutes', async () => {
    await openAndWait()
    await world.clock.advance(4 * MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.children[1]?.alive).toBe(true)
    await world.clock.advance(MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.access.held()).toBe(0)
  })

  test('goes with its account, and when the broker stops', async () => {
    await openAndWait()
    await openAndWait(world.bob)
    world.registry.endFamily(world.alice.familyId, 'revoked')
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(2)
    const stopped = world.registry.stopAll(0)
    await world.clock.settle()
    await stopped
    expect(world.spawner.alive).toEqual([])
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.children).toHaveLength(4)
    expect(world.access.held()).toBe(0)
  })

  test('goes while the account must log in', async () => {
    await openAndWait()
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.alive).toEqual([])
  })
})

describe('in token mode a child that stands by', () => {
  beforeEach(async () => {
    await world.close()
    start({ config: { childCredential: 'token' } })
  })

  test('is replaced when the token is', async () => {
    await openAndWait()
    world.access.renew()
    world.registry.credentialRenewed(world.alice.accountId)
    await world.clock.advance(SECOND_MS)
    const [, old] = world.spawner.children
    expect(old?.alive).toBe(false)
    expect(world.spawner.alive).toHaveLength(2)
    const idle = world.spawner.alive.find(({ received }) => received.length === 0)
    expect(idle?.spec.env.FORGEJO_ACCESS_TOKEN).toStartWith('credential-2')
  })

  test('is not given to a login that may have none, and waits for the next', async () => {
    await openAndWait()
    world.access.refuseLease({ kind: 'operator', reason: 'too narrow' })
    world.access.refuse({ kind: 'operator', reason: 'too narrow' })
    const refused = await world.registry.initialize(
      world.phone,
      request('initialize', INITIALIZE),
      sink(),
    )
    expect(refused).toMatchObject({ error: { kind: 'operator' } })
    world.access.refuseLease(undefined)
    world.access.refuse(undefined)
    await world.open()
    expect(world.spawner.children).toHaveLength(2)
  })
})

describe('under the caps a child that stands by', () => {
  const restart = async (config: Parameters<typeof createWorld>[0]) => {
    await world.close()
    start(config)
  }

  test('is the first to go, whoever needs its place', async () => {
    await restart({ config: { maxSessions: 3 } })
    const { session } = await openAndWait()
    await world.clock.advance(MINUTE_MS)
    await world.open(world.bob)
    await world.open(world.bob)
    const [first, standby] = world.spawner.children
    expect([first?.alive, standby?.alive]).toEqual([true, false])
    expect((await world.call(session, tool('echo'))).result).toMatchObject({ pid: first?.pid })
  })

  test('is not started where all is in use, and takes the place of its account’s longest idle child only', async () => {
    await restart({ config: { maxSessions: 3, maxSessionsPerUser: 2 } })
    const { session } = await openAndWait()
    await world.clock.advance(SECOND_MS)
    await openAndWait()
    // The second session got the standby; with both children fresh there is no place for another.
    expect(world.spawner.children).toHaveLength(2)
    await world.clock.advance(10 * SECOND_MS)
    await openAndWait()
    expect(world.spawner.children[0]?.alive).toBe(false)
    expect(world.spawner.alive).toHaveLength(2)
    await world.call(session, tool('echo'))
    expect(world.spawner.alive).toHaveLength(2)
  })

  test('is not started at all while children of the account crash', async () => {
    const { session } = await world.open()
    for (let n = 0; n < 3; n++) {
      await world.call(session, tool('echo'))
      world.spawner.last.die()
      await world.clock.settle()
    }
    const before = world.spawner.children.length
    await world.clock.advance(SECOND_MS)
    expect(world.spawner.children).toHaveLength(before)
  })
})
