import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Login } from '../e2e/login.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { until } from '../fixtures/until.ts'
import { render, type Sent, send } from './wire.ts'

setDefaultTimeout(60_000)

let world: World
let alice: Login
let bob: Login
beforeAll(async () => {
  world = await openWorld({ program: FROM_SOURCE, binary: await conformanceBinary() })
  alice = await world.login('alice')
  bob = await world.login('bob')
})
afterAll(() => world[Symbol.asyncDispose]())

const ask = (sent: Sent, login = alice) => send(world.mcpUrl, login.tokens.access_token, sent)
const call = (name: string, more: Sent = {}, login = alice) =>
  ask({ ...more, params: { name, arguments: {}, ...more.params } }, login)

const ASKABLE = { capabilities: { elicitation: {}, sampling: {}, roots: {} } }

describe('a stateless request over HTTP', () => {
  test('is answered with JSON and no session', async () => {
    const { headers, status, type, body } = await call('test_simple_text', { id: 'one' })
    expect({ status, type, id: body.id }).toEqual({
      status: 200,
      type: 'application/json',
      id: 'one',
    })
    expect(body.result).toMatchObject({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'everything' } },
    })
    expect(headers.has('mcp-session-id')).toBe(false)
  })

  test('takes no notice of a session id or of an event to come back to', async () => {
    const headers = { 'Mcp-Session-Id': 'nonsense', 'Last-Event-ID': '1-1' }
    expect(await call('test_simple_text', { headers })).toMatchObject({ status: 200 })
  })

  test('is answered by a stream without ids when more is said', async () => {
    const token = alice.tokens.access_token
    const params = { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken: 0 } }
    const answer = await fetch(world.mcpUrl, render(token, { params }))
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    const text = await answer.text()
    expect(text).not.toMatch(/^(id|retry):/m)
    expect(text.match(/"progressToken":0/g)).toHaveLength(3)
  })

  test.each<[string, Sent, number, number]>([
    ['no method in a header', { headers: { 'Mcp-Method': '' } }, 400, -32020],
    ['another name in a header', { headers: { 'Mcp-Name': 'other' } }, 400, -32020],
    ['no version in a header', { headers: { 'MCP-Protocol-Version': '' } }, 400, -32020],
    ['a removed method', { method: 'ping' }, 404, -32601],
    ['what its child does not know', { method: 'prompts/get' }, 200, -32602],
  ])('with %s is refused with the right words', async (_, sent, status, code) => {
    const params = { name: 'test_simple_text', arguments: {} }
    const answer = await ask({ params, ...sent, id: 'same' })
    expect(answer).toMatchObject({ status, body: { id: 'same', error: { code } } })
  })

  test('must repeat in a header what the tool wants there', async () => {
    const params = { arguments: { region: 'eu' } }
    const missing = await call('test_header_parameter', { params })
    expect(missing).toMatchObject({ status: 400, body: { error: { code: -32020 } } })
    const headers = { 'mcp-param-REGION': '=?base64?ZXU=?=' }
    expect(await call('test_header_parameter', { params, headers })).toMatchObject({ status: 200 })
  })

  test('may be a notification, which is 202; an answer or a batch is 400', async () => {
    const headers = {
      Authorization: `Bearer ${alice.tokens.access_token}`,
      'Content-Type': 'application/json',
      'MCP-Protocol-Version': '2026-07-28',
    }
    const post = async (body: unknown) =>
      (await fetch(world.mcpUrl, { method: 'POST', headers, body: JSON.stringify(body) })).status
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: {} }
    expect(await post(cancelled)).toBe(202)
    expect(await post({ jsonrpc: '2.0', id: 1, result: {} })).toBe(400)
    expect(await post([cancelled])).toBe(400)
    for (const method of ['GET', 'DELETE']) {
      const { status } = await fetch(world.mcpUrl, { method, headers })
      expect(status).toBe(405)
    }
  })

  test('is refused without a token, with the challenge', async () => {
    const answer = await send(world.mcpUrl, 'nonsense', { method: 'server/discover' })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toStartWith('Bearer resource_metadata=')
  })
})

describe('a client that goes away', () => {
  test('cancels its call, and the child serves others', async () => {
    const leaving = new AbortController()
    const gone = call('test_reconnection', { signal: leaving.signal }).catch(() => 'gone')
    await Bun.sleep(60)
    leaving.abort()
    expect(await gone).toBe('gone')
    expect(await call('test_simple_text')).toMatchObject({ status: 200 })
  })

  test('leaves its stream, and the broker forgets it', async () => {
    const leaving = new AbortController()
    const token = alice.tokens.access_token
    const params = { notifications: { toolsListChanged: true } }
    const sent = { method: 'subscriptions/listen', params, signal: leaving.signal }
    const answer = await fetch(world.mcpUrl, render(token, sent))
    const reader = answer.body?.getReader()
    const first = new TextDecoder().decode((await reader?.read())?.value)
    expect(first).toContain('notifications/subscriptions/acknowledged')
    leaving.abort()
    expect(await call('test_trigger_tool_change')).toMatchObject({ status: 200 })
  })
})

describe('a question over HTTP', () => {
  test("is answered by its own client; another user's state is an error", async () => {
    const name = 'test_input_required_result_request_state'
    const { body } = await call(name, ASKABLE)
    const { inputRequests, requestState } = body.result
    const [key = ''] = Object.keys(inputRequests)
    const inputResponses = { [key]: { action: 'accept', content: { ok: true } } }
    const back = { ...ASKABLE, params: { inputResponses, requestState } }
    const stolen = await call(name, back, bob)
    expect(stolen.body.error).toMatchObject({ code: -32602 })
    const { body: done } = await call(name, { ...back, id: 2 })
    expect(done).toMatchObject({ id: 2, result: { resultType: 'complete' } })
  })

  test('that 200 clients leave unanswered keeps nobody else from working', async () => {
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const start = performance.now()
      for (let n = 0; n < 20; n++) await work()
      return performance.now() - start
    }
    const plain = async () => expect((await call('test_simple_text')).status).toBe(200)
    const asking = async () =>
      expect((await call('test_simple_text', ASKABLE)).body.result.resultType).toBe('complete')
    await plain()
    await asking()
    const before = [await timed(plain), await timed(asking)]

    const statuses: number[] = []
    const abandon = async () => {
      const { status } = await call('test_input_required_result_sampling', ASKABLE)
      statuses.push(status)
    }
    const abandoning = (async () => {
      for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 20 }, abandon))
    })()
    await until('some are parked', () => statuses.length > 20)
    for (const login of [alice, bob]) {
      const { status } = await call('test_simple_text', {}, login)
      expect(status).toBe(200)
    }
    await abandoning
    expect(statuses).toHaveLength(200)
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    const after = [await timed(plain), await timed(asking)]
    // A starved call would wait for seconds.
    for (const [at, ms] of after.entries()) expect(ms).toBeLessThan((before[at] ?? 0) * 5 + 500)
    expect(world.children().length).toBeLessThanOrEqual(11)
  })
})

test('a login that ends takes its calls along within a second', async () => {
  const login = await world.login('bob', { client: 'Leaving' })
  const token = login.tokens.access_token
  const params = { notifications: { toolsListChanged: true } }
  const answer = await fetch(
    world.mcpUrl,
    render(token, { method: 'subscriptions/listen', params }),
  )
  const form = new URLSearchParams({ token, client_id: login.clientId })
  const start = performance.now()
  await fetch(`${world.url}/oauth/revoke`, { method: 'POST', body: form })
  expect(await answer.text()).toContain('"reason":"revoked"')
  expect(performance.now() - start).toBeLessThan(1_000)
  expect((await send(world.mcpUrl, token, { method: 'tools/list' })).status).toBe(401)
})
