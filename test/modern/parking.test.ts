import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import type { FakeChild } from '../fixtures/spawner.ts'
import { sink, tool } from '../session/world.ts'
import { accepted, answerTo, createModernWorld, type ModernWorld, type Reply } from './kit.ts'

let world: ModernWorld
beforeEach(() => {
  world = createModernWorld()
})
afterEach(() => world.close())

const INVALID = { code: -32602, message: 'Invalid or expired requestState' }

/** A call that waits for its client with one question. */
async function parked(name = 'name?', asked: Parameters<ModernWorld['interact']>[1] = {}) {
  const came = await world.interact('hold', asked)
  const child = world.spawner.last
  await world.asks(child, name)
  await world.clock.advance(20)
  return { child, reply: await came.reply() }
}

/** The client comes back with answers to the keys that it was given. */
const retry = (
  { result }: Reply,
  inputResponses: unknown,
  asked: Parameters<ModernWorld['interact']>[1] = {},
) =>
  world.interact('hold', {
    id: 'retry',
    ...asked,
    params: { inputResponses, requestState: result?.requestState, ...asked.params },
  })

const keysOf = ({ result }: Reply): string[] => Object.keys(result?.inputRequests ?? {})
const answers = (reply: Reply) =>
  Object.fromEntries(keysOf(reply).map((key) => [key, accepted({ said: key })]))

describe('a question of the child', () => {
  test('ends the request as one, and the answer goes to the child that waits', async () => {
    const { child, reply } = await parked()
    expect(reply).toMatchObject({
      id: 1,
      result: {
        resultType: 'input_required',
        inputRequests: { 'elicitation/create#1': { method: 'elicitation/create' } },
      },
    })
    const back = await retry(reply, answers(reply))
    expect(answerTo(child, 'name?')).toEqual(accepted({ said: 'elicitation/create#1' }))
    child.release()
    expect(await back.reply()).toMatchObject({
      id: 'retry',
      result: { resultType: 'complete', released: true },
    })
    expect(world.spawner.children).toHaveLength(1)
  })

  test('waits a moment for others that are asked at the same time', async () => {
    const came = await world.interact('hold')
    const child = world.spawner.last
    await world.asks(child, 'one')
    await world.clock.advance(15)
    await world.asks(child, 'two', {
      _meta: { 'fjmcp.dev/inputKey': 'user_name', progressToken: 7 },
    })
    child.say({ jsonrpc: '2.0', id: 'three', method: 'roots/list' })
    await world.clock.advance(20)
    const reply = await came.reply()
    expect(keysOf(reply)).toEqual(['elicitation/create#1', 'user_name', 'roots/list#3'])
    expect(reply.result?.inputRequests?.user_name?.params._meta).toBeUndefined()
  })

  test('is refused when the client cannot be asked that', async () => {
    const came = await world.interact('hold', { capabilities: { sampling: {} } })
    const child = world.spawner.last
    await world.asks(child, 'name?')
    child.say({ jsonrpc: '2.0', id: 's', method: 'sampling/createMessage', params: { tools: [] } })
    await world.clock.advance(20)
    expect(came.messages).toEqual([])
    const { id } = child.received.find(({ method }) => method === 'tools/call') ?? {}
    child.say({ jsonrpc: '2.0', id, error: { code: -32603, message: 'no' } })
    expect(await came.outcome).toMatchObject({ status: 400 })
    expect((await came.reply()).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { form: {} }, sampling: { tools: {} } } },
    })
  })

  test('is refused in a request whose answer cannot be a question', async () => {
    await world.send('completion/complete', {
      params: { name: 'hold' },
      capabilities: { elicitation: {} },
    })
    await world.asks(world.spawner.last, 'name?')
    await world.clock.advance(20)
    expect(world.spawner.last.received.find(({ id }) => id === 'name?')).toMatchObject({
      error: { code: -32601 },
    })
  })

  test('that the child takes back is not asked any more', async () => {
    const { child, reply } = await parked()
    child.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'name?' } })
    await world.clock.settle()
    const back = await retry(reply, {})
    child.release()
    expect((await back.reply()).result).toMatchObject({ resultType: 'complete' })
  })
})

describe('what the client brings back', () => {
  test('may lack answers: those questions are asked again, others are not', async () => {
    const came = await world.interact('hold')
    const child = world.spawner.last
    await world.asks(child, 'one')
    await world.asks(child, 'two')
    await world.clock.advance(20)
    const first = await came.reply()
    const [one = '', two = ''] = keysOf(first)
    const second = await (
      await retry(first, { [one]: accepted(), [two]: 12345, extra: accepted() })
    ).reply()
    expect(second).toMatchObject({ id: 'retry', result: { resultType: 'input_required' } })
    expect(keysOf(second)).toEqual([two])
    expect(second.result?.requestState).not.toBe(first.result?.requestState)
    expect(answerTo(child, 'one')).toEqual(accepted())
    expect(answerTo(child, 'two')).toBeUndefined()
    for (const nonsense of [null, [], 'yes', { [two]: null }]) {
      const again = await (await retry(second, nonsense)).reply()
      if (again.error) expect(again.error).toMatchObject(INVALID)
      else expect(keysOf(again)).toEqual([two])
    }
  })

  test('may lead to the next question, round by round', async () => {
    const { child, reply } = await parked('step 1')
    let now = reply
    for (const step of ['step 2', 'step 3']) {
      const back = await retry(now, answers(now))
      await world.asks(child, step)
      await world.clock.advance(20)
      const next = await back.reply()
      expect(next.result?.requestState).not.toBe(now.result?.requestState)
      expect(keysOf(next)).not.toEqual(keysOf(now))
      now = next
    }
    const last = await retry(now, answers(now))
    child.release()
    expect((await last.reply()).result).toMatchObject({ resultType: 'complete' })
  })

  test('finds the answer that the child gave meanwhile', async () => {
    const { child, reply } = await parked()
    child.release()
    await world.clock.settle()
    await world.interact('echo')
    expect(world.spawner.children).toHaveLength(1)
    const back = await retry(reply, answers(reply))
    expect(await back.reply()).toMatchObject({ id: 'retry', result: { released: true } })
  })

  test('finds the error of a child that died meanwhile', async () => {
    const { child, reply } = await parked()
    child.die()
    await world.clock.settle()
    const back = await retry(reply, answers(reply))
    expect(await back.reply()).toMatchObject({
      id: 'retry',
      error: { code: -32603, data: { reason: 'child-died' } },
    })
  })

  test('brings a new deadline and its own token for progress', async () => {
    const first = await world.interact('hold', { params: { _meta: { progressToken: 0 } } })
    const child = world.spawner.last
    const { id, params } = child.received.find(({ method }) => method === 'tools/call') ?? {}
    const { progressToken } = (params?._meta ?? {}) as { progressToken?: number }
    expect(progressToken).toBe(Number(id))
    const progress = (done: number) => {
      const told = { progressToken, progress: done }
      child.say({ jsonrpc: '2.0', method: 'notifications/progress', params: told })
      return world.clock.settle()
    }
    await progress(1)
    expect(JSON.parse(first.messages[0] ?? '').params).toEqual({ progressToken: 0, progress: 1 })
    await world.asks(child, 'name?')
    await world.clock.advance(4 * MINUTE_MS)
    const reply = await first.reply()
    const back = await retry(reply, answers(reply), { params: { _meta: { progressToken: 'b' } } })
    await world.clock.advance(4 * MINUTE_MS)
    await progress(2)
    expect(back.messages.map((text) => JSON.parse(text).params)).toEqual([
      { progressToken: 'b', progress: 2 },
    ])
    await world.clock.advance(MINUTE_MS)
    expect((await back.reply()).error).toMatchObject({ data: { reason: 'timeout' } })
  })

  test('is answered the same when it comes twice', async () => {
    const { child, reply } = await parked()
    const first = await retry(reply, answers(reply))
    const meanwhile = await retry(reply, answers(reply), { id: 'meanwhile' })
    child.release()
    const { result } = await first.reply()
    expect(await meanwhile.reply()).toEqual({ id: 'meanwhile', jsonrpc: '2.0', result } as never)
    const later = await retry(reply, answers(reply), { id: 'later' })
    expect(await later.reply()).toEqual({ id: 'later', jsonrpc: '2.0', result } as never)
    const stranger = await retry(reply, answers(reply), { caller: world.phone })
    expect((await stranger.reply()).error).toEqual(INVALID)
    const other = await retry(reply, { other: accepted() })
    expect((await other.reply()).error).toEqual(INVALID)
    await world.clock.advance(2 * MINUTE_MS)
    expect((await (await retry(reply, answers(reply))).reply()).error).toEqual(INVALID)
  })
})

describe('a state', () => {
  test('that was changed, or is of another account, client, request or scope, is an error', async () => {
    const { reply } = await parked()
    const state = String(reply.result?.requestState)
    const [mark, callId, round, expiry, mac] = state.split('.')
    const tampered = [
      `${state}-TAMPERED`,
      'nonsense',
      12,
      null,
      '',
      `${mark}.${callId}.2.${expiry}.${mac}`,
      `${mark}.${callId}.${round}.${Number(expiry) + 1}.${mac}`,
      `x${state}`,
    ]
    for (const requestState of tampered) {
      const back = await retry(reply, answers(reply), { params: { requestState } })
      expect((await back.reply()).error).toEqual(INVALID)
    }
    const narrow = { ...world.alice, scopes: ['read:issue'] }
    for (const caller of [world.bob, world.phone, narrow]) {
      const back = await retry(reply, answers(reply), { caller })
      expect((await back.reply()).error).toEqual(INVALID)
    }
    const other = await retry(reply, answers(reply), { params: { arguments: { other: 1 } } })
    expect((await other.reply()).error).toEqual(INVALID)
    expect(world.spawner.children).toHaveLength(1)
  })

  test('that was changed or is of somebody else is written down, once a minute for each login', async () => {
    const { reply } = await parked()
    const state = String(reply.result?.requestState)
    for (const caller of [world.alice, world.alice, world.bob]) {
      const params = { requestState: `${state}-TAMPERED` }
      await retry(reply, answers(reply), { caller, params })
    }
    const rows = world.store.audit.list({ event: 'state.refused', limit: 9 })
    expect(rows.map(({ accountId, familyId }) => ({ accountId, familyId }))).toEqual([
      { accountId: world.bob.accountId, familyId: world.bob.familyId },
      { accountId: world.alice.accountId, familyId: world.alice.familyId },
    ])
    expect(JSON.stringify(rows)).not.toContain(state)
    await world.clock.advance(MINUTE_MS)
    await retry(reply, answers(reply), { caller: world.bob })
    expect(world.audited('state.refused')).toHaveLength(3)
  })

  test('whose time is up, or that is of an earlier start, is nobody’s offence', async () => {
    const { reply } = await parked()
    const state = String(reply.result?.requestState)
    await world.clock.advance(5 * MINUTE_MS)
    const earlier = `${'a'.repeat(8)}${state.slice(8)}`
    for (const requestState of [state, earlier]) {
      const back = await retry(reply, answers(reply), { params: { requestState } })
      expect((await back.reply()).error).toEqual(INVALID)
    }
    expect(world.audited('state.refused')).toEqual([])
  })

  test('of a login that may do less or more by now is over, which is nobody’s offence', async () => {
    const { child, reply } = await parked()
    for (const scopes of [['read:issue'], [], [...world.alice.scopes, 'write:repository']]) {
      const back = await retry(reply, answers(reply), { caller: { ...world.alice, scopes } })
      expect((await back.reply()).error).toEqual(INVALID)
    }
    expect(answerTo(child, 'name?')).toBeUndefined()
    expect(world.audited('state.refused')).toEqual([])
    const back = await retry(reply, answers(reply))
    child.release()
    expect((await back.reply()).result).toMatchObject({ resultType: 'complete' })
  })

  test('whose answers came with other scopes is not answered from memory', async () => {
    const { child, reply } = await parked()
    const back = await retry(reply, answers(reply))
    child.release()
    expect((await back.reply()).result).toBeDefined()
    const narrow = { ...world.alice, scopes: ['read:issue'] }
    const again = await retry(reply, answers(reply), { caller: narrow })
    expect((await again.reply()).error).toEqual(INVALID)
    expect((await (await retry(reply, answers(reply))).reply()).result).toBeDefined()
  })

  test('is good for the same arguments in another order', async () => {
    const came = await world.interact('hold', {
      params: { arguments: { a: 1, b: { c: 2, d: 3 } } },
    })
    const child = world.spawner.last
    await world.asks(child, 'name?')
    await world.clock.advance(20)
    const reply = await came.reply()
    const params = { arguments: { b: { d: 3, c: 2 }, a: 1 } }
    const back = await retry(reply, answers(reply), { params })
    child.release()
    expect((await back.reply()).result).toMatchObject({ resultType: 'complete' })
  })

  test('is good for five minutes; then the child is told that nobody answers', async () => {
    const { child, reply } = await parked()
    await world.clock.advance(5 * MINUTE_MS)
    expect(answerTo(child, 'name?')).toEqual({ action: 'cancel' })
    expect((await (await retry(reply, answers(reply))).reply()).error).toEqual(INVALID)
    await world.clock.advance(3 * SECOND_MS)
    expect(child.methods()).toContain('notifications/cancelled')
    expect(child.alive).toBe(false)
  })

  test('leaves a child that comes to an end by itself to the next call', async () => {
    const { child } = await parked()
    await world.clock.advance(5 * MINUTE_MS)
    child.release()
    await world.clock.advance(3 * SECOND_MS)
    expect(child.alive).toBe(true)
    await world.interact('echo')
    expect(world.spawner.children).toHaveLength(1)
  })

  test('keeps a child that wants to know from giving up', async () => {
    const came = await world.interact('hold')
    const child = world.spawner.last
    await world.asks(child, 'name?', { _meta: { progressToken: 'child-7' } })
    await world.clock.advance(31 * SECOND_MS)
    await came.outcome
    const told = child.received.filter(({ method }) => method === 'notifications/progress')
    expect(told.map(({ params }) => params)).toEqual([
      { progressToken: 'child-7', progress: 1 },
      { progressToken: 'child-7', progress: 2 },
    ])
  })
})

describe('many waiting calls', () => {
  const fill = async (count: number, caller = world.alice): Promise<FakeChild[]> => {
    const children: FakeChild[] = []
    for (let n = 0; n < count; n++) children.push((await parked(`q${n}`, { caller })).child)
    return children
  }

  test('leave room for calls that ask nothing', async () => {
    const children = await fill(8)
    expect(new Set(children.map(({ pid }) => pid)).size).toBe(8)
    expect((await (await world.call('echo')).reply()).result).toBeDefined()
    expect((await (await world.interact('echo')).reply()).result).toBeDefined()
    expect(world.spawner.alive).toHaveLength(10)
  })

  test('one too many is 503, and its child is free again', async () => {
    await fill(8)
    const came = await world.interact('hold')
    const child = world.spawner.last
    await world.asks(child, 'ninth')
    await world.clock.advance(20)
    const outcome = await came.outcome
    expect(outcome.status).toBe(503)
    expect(outcome.retryAfterMs).toBeLessThanOrEqual(MINUTE_MS)
    expect(answerTo(child, 'ninth')).toEqual({ action: 'cancel' })
    child.release()
    await world.clock.settle()
    expect((await (await world.interact('echo')).reply()).result).toMatchObject({ pid: child.pid })
  })

  test('one that was abandoned gives its place to another', async () => {
    const [oldest] = await fill(8)
    await world.clock.advance(MINUTE_MS)
    const { reply } = await parked('ninth')
    expect(reply.result).toMatchObject({ resultType: 'input_required' })
    expect(oldest && answerTo(oldest, 'q0')).toEqual({ action: 'cancel' })
  })

  test('an abandoned one gives up its child to a session that needs it', async () => {
    await world.close()
    world = createModernWorld({ config: { maxSessionsPerUser: 2 } })
    const { child, reply } = await parked()
    const { session } = await world.open()
    void session.request(world.alice, tool('hang'), sink())
    await world.clock.settle()
    expect(world.open()).rejects.toThrow('full')
    await world.clock.advance(61 * SECOND_MS)
    await world.open()
    expect(child.alive).toBe(false)
    expect((await (await retry(reply, answers(reply))).reply()).error).toEqual(INVALID)
  })

  test('of everybody never take more than half of the broker', async () => {
    await world.close()
    world = createModernWorld({ config: { maxSessions: 4 } })
    await fill(1, world.alice)
    await fill(1, world.bob)
    const came = await world.interact('hold', { caller: world.phone })
    await world.asks(world.spawner.last, 'third')
    await world.clock.advance(20)
    expect((await came.outcome).status).toBe(503)
  })
})

describe('a page that the user must visit', () => {
  const needsVisit = (child: FakeChild) => {
    const { id } = child.received.findLast(({ method }) => method === 'tools/call') ?? {}
    const elicitations = [
      {
        mode: 'url',
        elicitationId: 'e1',
        url: 'https://forge.example/confirm',
        message: 'Confirm',
      },
    ]
    child.say({
      jsonrpc: '2.0',
      id,
      error: { code: -32042, message: 'visit', data: { elicitations } },
    })
  }

  test('becomes a question, and the call is made again after it', async () => {
    const capabilities = { elicitation: { form: {}, url: {} } }
    const came = await world.interact('hold', { capabilities })
    const child = world.spawner.last
    needsVisit(child)
    const reply = await came.reply()
    expect(reply.result?.inputRequests).toEqual({
      'elicitation/create#1': {
        method: 'elicitation/create',
        params: { mode: 'url', url: 'https://forge.example/confirm', message: 'Confirm' },
      },
    })
    const back = await retry(
      reply,
      { 'elicitation/create#1': { action: 'accept' } },
      { capabilities },
    )
    expect(child.methods().filter((method) => method === 'tools/call')).toHaveLength(2)
    child.release()
    expect(await back.reply()).toMatchObject({ id: 'retry', result: { resultType: 'complete' } })
  })

  test('is -32021 for a client that cannot show one', async () => {
    const came = await world.interact('hold', { capabilities: { elicitation: {} } })
    needsVisit(world.spawner.last)
    expect(await came.outcome).toMatchObject({ status: 400 })
    expect((await came.reply()).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    })
  })
})
