import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { parseExact } from '../../src/mcp/exact.ts'
import { ASKABLE, createModernWorld, type ModernWorld } from './kit.ts'

let world: ModernWorld
beforeEach(() => {
  world = createModernWorld()
})
afterEach(() => world.close())

const pidOf = async (came: Awaited<ReturnType<ModernWorld['call']>>) =>
  (await came.reply()).result?.pid

describe('calls of clients that cannot be asked anything', () => {
  test('share one child, many at a time', async () => {
    const held = await world.call('hold')
    const pids = await Promise.all(
      Array.from({ length: 20 }, async () => pidOf(await world.call('echo'))),
    )
    expect(new Set(pids)).toEqual(new Set([world.spawner.last.pid]))
    expect(world.spawner.children).toHaveLength(1)
    world.spawner.last.release()
    expect((await held.reply()).result).toMatchObject({ resultType: 'complete', released: true })
  })

  test('do not share it across accounts, clients and scopes', async () => {
    const narrow = { ...world.alice, scopes: ['read:issue'] }
    for (const caller of [world.alice, world.bob, world.phone, narrow, world.second])
      await world.call('echo', { caller })
    expect(world.spawner.children).toHaveLength(4)
    expect(world.access.opened.map(({ request }) => request)).toMatchObject([
      { accountId: 'account-alice', clientId: 'laptop', scopes: ['write:issue'], leased: true },
      { accountId: 'account-bob' },
      { clientId: 'phone' },
      { scopes: ['read:issue'] },
    ])
  })

  test.each([...(parseExact('[1e5]') as unknown[]), { toString: 1, valueOf: 1 }])(
    'leave it to the child what a tool called %p is',
    async (name) => {
      const came = await world.call('echo', { params: { name } })
      expect((await came.reply()).id).toBe(1)
      expect(world.spawner.last.methods()).toContain('tools/call')
    },
  )

  test('find it told once that it is initialized, by the broker itself', async () => {
    await world.call('echo')
    const [discover, initialize] = world.spawner.last.received
    expect(discover?.method).toBe('server/discover')
    expect(initialize?.params).toMatchObject({
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'fjmcp-broker' },
    })
    const methods = world.spawner.last.methods()
    expect(methods.filter((method) => method === 'notifications/initialized')).toHaveLength(1)
  })

  test('the program is asked once whether it is stateless', async () => {
    await world.call('echo')
    await world.call('echo', { caller: world.bob })
    expect(world.spawner.last.methods()).not.toContain('server/discover')
  })

  test('a question of theirs is refused, and the failure that follows names what was missing', async () => {
    const held = await world.call('hold')
    const child = world.spawner.last
    child.say({ jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage', params: {} })
    await world.clock.settle()
    expect(child.received.find(({ id }) => id === 'q')).toMatchObject({ error: { code: -32601 } })
    expect(held.messages).toEqual([])
    const { id } = child.received.find(({ method }) => method === 'tools/call') ?? {}
    child.say({ jsonrpc: '2.0', id, result: { isError: true, content: [] } })
    expect(await held.outcome).toMatchObject({ status: 400 })
    expect((await held.reply()).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { sampling: {} } },
    })
  })
})

describe('calls of clients that can be asked', () => {
  test('leave no child to the next one that may still work on them: its questions would be taken for theirs', async () => {
    const first = await world.interact('hold')
    const child = world.spawner.last
    // A question, most likely, or an answer: the beginning does not tell.
    child.overflow('{"jsonrpc":"2.0","method":"elicitation/create","params":{"message":"x')
    expect((await first.reply()).error?.data?.reason).toBe('line-too-long')
    await world.interact('echo')
    expect(child.alive).toBe(false)
    expect(world.spawner.children).toHaveLength(2)
  })

  test('have a child each while they last, and leave it to the next one', async () => {
    const first = await world.interact('hold')
    const waiting = world.interact('hold')
    await world.clock.advance(40)
    expect(world.spawner.children).toHaveLength(1)
    await world.clock.advance(10)
    const second = await waiting
    expect(world.spawner.children).toHaveLength(2)
    for (const child of world.spawner.children) child.release()
    await Promise.all([first.outcome, second.outcome])
    await pidOf(await world.interact('echo'))
    await pidOf(await world.interact('echo'))
    expect(world.spawner.children).toHaveLength(2)
  })

  test('tell the child what the client can do, and nothing else', async () => {
    const capabilities = { elicitation: { url: {} }, tasks: {}, experimental: { x: {} } }
    await world.interact('echo', { capabilities })
    const initialize = world.spawner.last.received.find(({ method }) => method === 'initialize')
    expect(initialize?.params?.capabilities).toEqual({ elicitation: { url: {} } })
  })

  test('a request for log messages has a child of its own too, told once to say everything', async () => {
    const first = await world.call('hold', { logLevel: 'warning' })
    const child = world.spawner.last
    for (const level of ['info', 'error', 'nonsense'])
      child.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } })
    await world.clock.settle()
    expect(first.messages.map((text) => JSON.parse(text).params.level)).toEqual(['error'])
    child.release()
    await first.outcome
    await world.call('echo', { logLevel: 'debug' })
    expect(child.methods().filter((method) => method === 'logging/setLevel')).toHaveLength(1)
    expect(world.spawner.children).toHaveLength(1)
  })

  test('wait for a child when there is no room for another, and are refused after that', async () => {
    await world.close()
    world = createModernWorld({ config: { maxSessionsPerUser: 1 } })
    const first = await world.interact('hold')
    const second = world.interact('hold')
    await world.clock.advance(100)
    world.spawner.last.release()
    await first.outcome
    await world.clock.advance(10)
    world.spawner.last.release()
    expect((await (await second).reply()).result).toMatchObject({ released: true })

    await world.interact('hold')
    const third = world.interact('hold')
    await world.clock.advance(6_000)
    expect((await third).refusal).toMatchObject({ kind: 'full' })
  })

  test('a client that left while it waited costs no child', async () => {
    await world.interact('echo', { left: true })
    expect(world.spawner.last.methods()).not.toContain('tools/call')
    expect((await (await world.interact('echo')).reply()).result).toBeDefined()
    expect(world.spawner.children).toHaveLength(1)
  })

  test('a child whose client left is not given to anybody else', async () => {
    const came = await world.interact('hold')
    const child = world.spawner.last
    came.cancel()
    await world.clock.settle()
    expect(child.methods()).toContain('notifications/cancelled')
    expect(child.stopped).toBe(true)
    await world.interact('echo')
    expect(world.spawner.children).toHaveLength(2)
  })
})

describe('the pool', () => {
  test('is counted: its children by state for operators, by client for people', async () => {
    const states = async (): Promise<Record<string, number>> => {
      const text = await world.metrics.registry.metrics()
      const lines = text.matchAll(/^fjmcp_pool_children\{state="(\w+)"\} (\d+)$/gm)
      return Object.fromEntries([...lines].map(([, state = '', count]) => [state, Number(count)]))
    }
    expect(await states()).toEqual({ shared: 0, free: 0, leased: 0, parked: 0 })
    await world.call('echo')
    await world.interact('echo', { caller: world.phone })
    await world.interact('hold')
    await world.asks(world.spawner.last, 'name?')
    await world.clock.advance(20)
    await world.interact('hold')
    expect(await states()).toEqual({ shared: 1, free: 1, leased: 1, parked: 1 })
    expect(world.registry.stateless(world.alice.accountId)).toEqual(
      new Map([
        [world.alice.clientId, 3],
        [world.phone.clientId, 1],
      ]),
    )
    expect(world.registry.stateless(world.bob.accountId)).toEqual(new Map())
    for (const { familyId } of [world.alice, world.phone])
      world.registry.endFamily(familyId, 'revoked')
    await world.clock.settle()
    expect(await states()).toEqual({ shared: 0, free: 0, leased: 0, parked: 0 })
  })

  test('lets idle children sleep, and wakes another at the next call', async () => {
    await world.call('echo')
    await world.interact('echo')
    await world.clock.advance(16 * MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(0)
    expect(world.access.held()).toBe(0)
    expect((await (await world.call('echo')).reply()).result).toBeDefined()
  })

  test('gives up the longest idle child when an account needs the place', async () => {
    await world.close()
    world = createModernWorld({ config: { maxSessionsPerUser: 2 } })
    await world.call('echo')
    const first = world.spawner.last
    await world.clock.advance(1_000)
    await world.interact('echo')
    await world.clock.advance(1_000)
    await world.call('echo', { caller: world.phone })
    expect(first.alive).toBe(false)
    expect(world.spawner.alive).toHaveLength(2)
  })

  test('gives its place to a session and takes that of one that is idle', async () => {
    await world.close()
    world = createModernWorld({ config: { maxSessionsPerUser: 1 } })
    await world.call('echo')
    await world.open()
    expect(world.spawner.alive).toHaveLength(1)
    await world.clock.advance(1_000)
    expect((await (await world.call('echo')).reply()).result).toBeDefined()
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('replaces a child that hangs, so that the next call is answered', async () => {
    const hung = await world.call('hang')
    const child = world.spawner.last
    await world.clock.advance(5 * MINUTE_MS)
    expect((await hung.reply()).error).toMatchObject({ data: { reason: 'timeout' } })
    expect(await pidOf(await world.call('echo'))).not.toBe(child.pid)
  })

  test('hands over to a successor when a token was renewed, and lets calls finish', async () => {
    await world.close()
    world = createModernWorld({ config: { childCredential: 'token' } })
    const held = await world.call('hold')
    const child = world.spawner.last
    await world.interact('echo')
    world.access.renew()
    world.registry.credentialRenewed(world.alice.accountId)
    await world.clock.settle()
    expect(await pidOf(await world.call('echo'))).not.toBe(child.pid)
    const interactive = world.spawner.children[1]
    expect(interactive?.stopped).toBe(true)
    child.release()
    expect((await held.reply()).result).toMatchObject({ released: true })
    await world.clock.advance(100)
    expect(child.alive).toBe(false)
  })

  test('ends calls, children and questions of a login that is over', async () => {
    const held = await world.call('hold')
    const asked = await world.interact('hold')
    await world.asks(world.spawner.last, 'name?')
    await world.clock.advance(20)
    await asked.outcome
    const other = await world.call('hold', { caller: world.bob })
    world.registry.endFamily(world.alice.familyId, 'revoked')
    await world.clock.advance(3_000)
    expect((await held.reply()).error).toMatchObject({ data: { reason: 'cancelled' } })
    expect(world.spawner.alive.map(({ pid }) => pid)).toEqual([world.spawner.last.pid])
    world.spawner.last.release()
    expect((await other.reply()).result).toBeDefined()
  })

  test('ends nothing of another login of the same client', async () => {
    const first = await world.call('hold')
    const second = await world.call('hold', { caller: world.second })
    world.registry.endFamily(world.alice.familyId, 'revoked')
    await world.clock.settle()
    expect((await first.reply()).error).toBeDefined()
    world.spawner.last.release()
    expect((await second.reply()).result).toMatchObject({ released: true })
  })

  test('sees within a look that another process revoked the login', async () => {
    const held = await world.call('hold')
    world.foreign.run('UPDATE families SET revoked_at = 1 WHERE id = ?', [world.alice.familyId])
    world.registry.obey()
    expect((await held.reply()).error).toBeDefined()
  })

  test('stops children that may do more than their client may now', async () => {
    await world.call('echo')
    world.registry.changePermissions({ ...world.alice, scopes: ['read:issue'] })
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(0)
  })

  test('ends with the broker, parked questions first', async () => {
    const asked = await world.interact('hold')
    await world.asks(world.spawner.last, 'name?')
    await world.clock.advance(20)
    await asked.outcome
    await world.call('echo')
    const stopped = world.registry.stopAll(10_000)
    await world.clock.advance(200)
    await stopped
    expect(world.spawner.alive).toHaveLength(0)
    expect((await world.call('echo')).refusal).toMatchObject({ kind: 'later' })
  })
})

describe('lists and what the server is', () => {
  test('are not asked for again before the first call after a sleep', async () => {
    await world.call('echo')
    expect(world.spawner.last.methods()).toContain('tools/list')
    await world.clock.advance(60 * MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    await world.call('echo')
    expect(world.spawner.children).toHaveLength(2)
    expect(world.spawner.last.methods()).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
    ])
  })

  test('are asked for once, for all clients of the account', async () => {
    for (const id of [1, 'two']) {
      const reply = await (await world.send('tools/list', { id })).reply()
      expect(reply).toMatchObject({ id, result: { ttlMs: 60_000, cacheScope: 'private' } })
    }
    await world.send('tools/list', { caller: world.phone })
    expect(world.spawner.children).toHaveLength(1)
    expect(world.spawner.last.methods().filter((method) => method === 'tools/list')).toHaveLength(1)
    await world.send('tools/list', { params: { cursor: 'next' } })
    await world.send('tools/list', { capabilities: ASKABLE })
    expect(world.spawner.children).toHaveLength(2)
  })

  test('are answered without waking anybody, until they change', async () => {
    await world.send('tools/list')
    await world.send('server/discover')
    await world.clock.advance(5 * MINUTE_MS)
    world.registry.credentialDied(world.alice.accountId)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(0)
    expect((await (await world.send('tools/list')).reply()).result).toBeDefined()
    expect((await (await world.send('server/discover')).reply()).result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'fake', version: '1' } },
    })
    expect(world.spawner.alive).toHaveLength(0)
    await world.clock.advance(6 * MINUTE_MS)
    await world.send('tools/list')
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('are asked for again when a child says that they changed', async () => {
    await world.send('tools/list')
    world.spawner.last.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await world.clock.settle()
    await world.send('tools/list')
    expect(world.spawner.last.methods().filter((method) => method === 'tools/list')).toHaveLength(2)
  })

  test('one that is overtaken by a change is not kept', async () => {
    const page = { params: { cursor: 'hold' } }
    const asked = await world.send('tools/list', page)
    world.spawner.last.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await world.clock.settle()
    world.spawner.last.release()
    await asked.outcome
    await world.send('tools/list', page)
    expect(world.spawner.last.methods().filter((method) => method === 'tools/list')).toHaveLength(2)
  })
})
