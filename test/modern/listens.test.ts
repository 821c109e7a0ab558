import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { sink, tool } from '../session/world.ts'
import { type Came, createModernWorld, type ModernWorld } from './kit.ts'

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const URI = 'forgejo://repo/a/b'

let world: ModernWorld
beforeEach(() => {
  world = createModernWorld()
})
afterEach(() => world.close())

const listen = (
  notifications: Record<string, unknown>,
  asked: Parameters<ModernWorld['send']>[1] = {},
): Promise<Came> =>
  world.send('subscriptions/listen', { id: 'listen:0', ...asked, params: { notifications } })

const heard = ({ messages }: Came) => messages.map((text) => JSON.parse(text))
const count = (method: string) =>
  world.spawner.last.methods().filter((each) => each === method).length

const say = async (method: string, params?: Record<string, unknown>) => {
  world.spawner.last.say({ jsonrpc: '2.0', method, ...(params && { params }) })
  await world.clock.settle()
}

describe('a stream that listens', () => {
  test('begins with what of the wishes can be kept', async () => {
    const came = await listen({
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: [URI, URI],
    })
    expect(heard(came)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: {
          _meta: { [SUBSCRIPTION]: 'listen:0' },
          notifications: { toolsListChanged: true, resourceSubscriptions: [URI] },
        },
      },
    ])
  })

  test('hears what any child of its user says, under its own id with its own type', async () => {
    const numbered = await listen({ toolsListChanged: true }, { id: 7 })
    const named = await listen({ toolsListChanged: true })
    const other = await listen({ toolsListChanged: true }, { caller: world.bob })
    await world.interact('echo', { caller: world.phone })
    await say('notifications/tools/list_changed')
    expect(heard(numbered)[1].params._meta).toEqual({ [SUBSCRIPTION]: 7 })
    expect(heard(named)[1]).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: { _meta: { [SUBSCRIPTION]: 'listen:0' } },
    })
    expect(other.messages).toHaveLength(1)
  })

  test('hears of lists from the children of sessions too, once, and nothing else', async () => {
    const came = await listen({ toolsListChanged: true, resourceSubscriptions: [URI] })
    const { session } = await world.open()
    await say('notifications/tools/list_changed')
    await say('notifications/resources/updated', { uri: URI })
    void session.request(world.alice, tool('hold'), sink())
    await world.clock.settle()
    await say('notifications/tools/list_changed')
    expect(heard(came).map(({ method }) => method)).toEqual([
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
      'notifications/tools/list_changed',
    ])
    await world.open(world.bob)
    await say('notifications/tools/list_changed')
    expect(came.messages).toHaveLength(3)
  })

  test('hears nothing that it did not ask for', async () => {
    const came = await listen({ promptsListChanged: true })
    await say('notifications/tools/list_changed')
    await say('notifications/resources/updated', { uri: URI })
    await say('notifications/message', { level: 'error', data: 'x' })
    expect(came.messages).toHaveLength(1)
  })

  test('hears of no resource whose name is no text', async () => {
    const came = await listen({ resourceSubscriptions: [URI] })
    for (const uri of [{ toString: 1, valueOf: 1 }, [URI]])
      await say('notifications/resources/updated', { uri })
    await say('notifications/resources/updated', { uri: URI })
    expect(came.messages).toHaveLength(2)
  })

  test('has its resources watched once for all, until nobody wants to know', async () => {
    const first = await listen({ resourceSubscriptions: [URI] })
    const second = await listen({ resourceSubscriptions: [URI, 'forgejo://repo/c/d'] }, { id: 2 })
    await say('notifications/resources/updated', { uri: URI })
    expect(heard(first)[1].params).toEqual({ _meta: { [SUBSCRIPTION]: 'listen:0' }, uri: URI })
    expect(heard(second)).toHaveLength(2)
    first.cancel()
    await world.clock.settle()
    expect(count('resources/unsubscribe')).toBe(0)
    await say('notifications/resources/updated', { uri: URI })
    expect(first.messages).toHaveLength(2)
    second.cancel()
    await world.clock.settle()
    expect(count('resources/unsubscribe')).toBe(2)
  })

  test('does not promise what the child refuses to watch', async () => {
    const came = await listen({ resourceSubscriptions: ['forgejo://refused', URI] })
    expect(heard(came)[0].params.notifications).toEqual({ resourceSubscriptions: [URI] })
  })

  test('keeps its child awake, and is told to another one when that is replaced', async () => {
    await listen({ resourceSubscriptions: [URI] })
    const child = world.spawner.last
    await world.clock.advance(20 * MINUTE_MS)
    world.registry.reap(world.clock.now())
    await world.clock.settle()
    expect(child.alive).toBe(true)
    const hung = await world.call('hang')
    await world.clock.advance(5 * MINUTE_MS)
    await hung.outcome
    await world.call('echo')
    expect(world.spawner.last).not.toBe(child)
    expect(count('resources/subscribe')).toBe(1)
  })

  test('ends when nobody watches any more, so that its client asks again', async () => {
    const came = await listen({ resourceSubscriptions: [URI] })
    world.spawner.last.die()
    await world.clock.settle()
    expect(JSON.parse((await came.outcome).text)).toEqual({
      jsonrpc: '2.0',
      id: 'listen:0',
      result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: 'listen:0' } },
    })
  })

  test('ends with the login, and with the broker', async () => {
    const first = await listen({ toolsListChanged: true })
    const second = await listen({ toolsListChanged: true }, { caller: world.bob })
    world.registry.endFamily(world.alice.familyId, 'revoked')
    expect((await first.reply()).error).toMatchObject({ data: { reason: 'revoked' } })
    const stopped = world.registry.stopAll(0)
    expect((await second.reply()).result).toMatchObject({ resultType: 'complete' })
    await world.clock.advance(100)
    await stopped
  })

  test('is told when the permissions of its client change', async () => {
    const came = await listen({ toolsListChanged: true })
    world.registry.changePermissions({ ...world.alice, scopes: ['read:issue'] })
    expect(heard(came)[1].method).toBe('notifications/tools/list_changed')
  })

  test.each([{}, { notifications: [] }, { notifications: { resourceSubscriptions: [1] } }])(
    'is refused with %j for a filter',
    async (params) => {
      const came = await world.send('subscriptions/listen', { params })
      expect(await came.outcome).toMatchObject({ status: 400 })
      expect((await came.reply()).error).toMatchObject({ code: -32602 })
    },
  )

  test('is refused when there are too many', async () => {
    for (let n = 0; n < 64; n++) await listen({ toolsListChanged: true })
    expect((await listen({ toolsListChanged: true })).refusal).toMatchObject({ kind: 'full' })
    expect(
      (await listen({ toolsListChanged: true }, { caller: world.bob })).refusal,
    ).toBeUndefined()
  })
})
