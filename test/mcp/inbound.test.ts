import { describe, expect, test } from 'bun:test'
import { accepts } from '../../src/mcp/accept.ts'
import {
  checkBatch,
  checkPostHeaders,
  type InboundHeaders,
  rejectionText,
  routePost,
  routeSession,
} from '../../src/mcp/inbound.ts'
import { parseBody } from '../../src/mcp/parse.ts'

const headers = (given: Partial<InboundHeaders> = {}): InboundHeaders => ({
  accept: 'application/json, text/event-stream',
  contentType: 'application/json',
  protocolVersion: undefined,
  sessionId: undefined,
  ...given,
})

function route(body: string, given: Partial<InboundHeaders> = {}) {
  const parsed = parseBody(Buffer.from(body))
  if (!parsed.ok) throw new Error(body)
  const routed = routePost(headers(given), parsed.value)
  return routed.ok ? routed.value : { ...routed.error, message: '' }
}

const claim = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
const request = (method: string, params = '') =>
  `{"jsonrpc":"2.0","id":"q","method":"${method}","params":{${params}}}`
const session = { sessionId: 'S' }

describe('the headers of a POST', () => {
  test.each([
    'application/json, text/event-stream',
    'text/event-stream;q=0.5, Application/JSON;charset=utf-8',
    '*/*',
    'application/*, text/*;q=0.1',
    undefined,
  ])('Accept %p admits both kinds of reply', (accept) => {
    expect(checkPostHeaders(headers({ accept })).ok).toBe(true)
  })

  test.each([
    'application/json',
    'text/event-stream',
    '',
    'text/html',
    'application/json, text/event-stream;q=0',
    '*/*, application/json;q=0',
    '*/*;q=0',
  ])('Accept %p is 406', (accept) => {
    expect(checkPostHeaders(headers({ accept }))).toMatchObject({ error: { status: 406 } })
  })

  test('the most exact range decides', () => {
    expect(accepts('text/*;q=0, text/event-stream', 'text/event-stream')).toBe(true)
    expect(accepts('text/event-stream;q=0, */*', 'text/event-stream')).toBe(false)
  })

  test.each(['application/json', 'Application/JSON ; charset=utf-8'])(
    '%s is JSON',
    (contentType) => {
      expect(checkPostHeaders(headers({ contentType })).ok).toBe(true)
    },
  )

  test.each([
    undefined,
    '',
    'text/plain',
    'application/jsonp',
    'application/x-www-form-urlencoded',
  ])('Content-Type %p is 415, before Accept is looked at', (contentType) => {
    expect(checkPostHeaders(headers({ contentType, accept: 'text/html' }))).toMatchObject({
      error: { status: 415 },
    })
  })
})

describe('where a POST goes', () => {
  test('initialize opens a session, whatever session id and known version came with it', () => {
    for (const protocolVersion of [undefined, '2025-11-25', '2024-11-05', '2026-07-28']) {
      expect(route(request('initialize'), { protocolVersion, ...session })).toMatchObject({
        kind: 'initialize',
        request: { idText: '"q"' },
      })
    }
  })

  test('everything else goes to its session', () => {
    expect(
      route(request('tools/list'), { ...session, protocolVersion: '2025-06-18' }),
    ).toMatchObject({
      kind: 'session',
      sessionId: 'S',
      batch: false,
    })
    expect(route('{"jsonrpc":"2.0","id":1,"result":{}}', session)).toMatchObject({
      kind: 'session',
    })
  })

  test('without a session id it is 400, with the id of the request', () => {
    expect(route(request('tools/list'))).toMatchObject({ status: 400, idText: '"q"' })
    expect(route(request('tools/list'), { sessionId: '' })).toMatchObject({ status: 400 })
    expect(route('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toEqual({
      status: 400,
      code: -32600,
      message: '',
    })
  })

  test.each(['2099-01-01', '2025-11-25, 2025-11-25', ''])(
    'the version %p is 400 in a session',
    (protocolVersion) => {
      expect(route(request('tools/list'), { ...session, protocolVersion })).toMatchObject({
        status: 400,
        idText: '"q"',
      })
    },
  )

  test('a version that nobody knows is 400 at initialize too', () => {
    expect(route(request('initialize'), { protocolVersion: '2099-01-01' })).toMatchObject({
      status: 400,
    })
  })

  test.each([
    request('server/discover'),
    request('server/discover', claim),
    request('tools/list', claim),
    request('subscriptions/listen'),
    request('initialize', claim),
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{${claim}}}`,
  ])('the modern %s needs no session, and takes no notice of one', (body) => {
    const protocolVersion = '2026-07-28'
    expect(route(body, { protocolVersion })).toMatchObject({ kind: 'modern' })
    expect(route(body)).toMatchObject({ kind: 'modern' })
    expect(route(body, session)).toMatchObject({ kind: 'modern' })
  })

  test('a modern header makes modern what claims nothing, except initialize and answers', () => {
    const modern = { ...session, protocolVersion: '2026-07-28' }
    expect(route(request('tools/list'), modern)).toMatchObject({ kind: 'modern' })
    expect(route(request('initialize'), modern)).toMatchObject({ kind: 'initialize' })
    expect(route('{"jsonrpc":"2.0","id":1,"result":{}}', modern)).toMatchObject({
      status: 400,
      code: -32600,
    })
  })

  test('batches go to their session, unless initialize or a modern message is among them', () => {
    const ping = request('ping')
    expect(route(`[${ping},${ping}]`, session)).toMatchObject({ kind: 'session', batch: true })
    expect(route(`[${ping},${request('initialize')}]`, session)).toMatchObject({ status: 400 })
    expect(route(`[${ping},${request('ping', claim)}]`, session)).toMatchObject({ status: 400 })
  })

  test('only revision 2025-03-26 has batches', () => {
    const versions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
    expect(versions.map((version) => checkBatch(true, version).ok)).toEqual([
      false,
      true,
      false,
      false,
    ])
    expect(checkBatch(false, '2025-11-25').ok).toBe(true)
  })

  test('a rejection reads as a JSON-RPC error', () => {
    expect(rejectionText({ code: -32600, message: 'no', idText: '1e0' })).toBe(
      '{"jsonrpc":"2.0","id":1e0,"error":{"code":-32600,"message":"no"}}',
    )
    expect(rejectionText({ code: -32700, message: 'no' })).toContain('"id":null')
  })
})

describe('GET and DELETE', () => {
  test('need a session id, and a GET needs event streams', () => {
    expect(routeSession('GET', headers(session))).toEqual({ ok: true, value: 'S' })
    expect(routeSession('DELETE', headers({ ...session, accept: 'text/html' })).ok).toBe(true)
    expect(routeSession('GET', headers({ ...session, accept: 'application/json' }))).toMatchObject({
      error: { status: 406 },
    })
    expect(routeSession('GET', headers())).toMatchObject({ error: { status: 400 } })
    const modern = headers({ ...session, protocolVersion: '2026-07-28' })
    expect(routeSession('GET', modern)).toMatchObject({ error: { status: 405 } })
    expect(routeSession('DELETE', modern)).toMatchObject({ error: { status: 405 } })
    expect(routeSession('DELETE', headers({ ...session, protocolVersion: '1' }))).toMatchObject({
      error: { status: 400 },
    })
  })
})
