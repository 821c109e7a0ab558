import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eachProgram } from '../fixtures/programs.ts'
import type { Login } from './login.ts'
import { bearer, type Reply, type Session, send } from './wire.ts'
import { openWorld, type World } from './world.ts'

const MAX_BODY = 1024 * 1024
const PING = { jsonrpc: '2.0', id: 5, method: 'ping' }

/** The literal that clients look for. */
const NOT_FOUND =
  '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found","data":{"error":"session_expired","retry":"re-initialize"}},"id":null}'

type Headers = Record<string, string>

eachProgram('the status codes of /mcp', (program) => {
  let world: World
  let alice: Login
  let bob: Login
  let session: Session
  const withSession = (more: Headers = {}) => ({ ...bearer(alice, session.id), ...more })
  const post = (headers: Headers, body: unknown = PING, query = '') =>
    send(`${world.mcpUrl}${query}`, headers, body)
  const without = (name: string): Headers =>
    Object.fromEntries(Object.entries(withSession()).filter(([key]) => key !== name))

  beforeAll(async () => {
    world = await openWorld({ program, env: { FJMCP_BROKER_MAX_BODY: '1MiB' } })
    ;[alice, bob] = await Promise.all([world.login('alice'), world.login('bob')])
    session = await alice.open()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const expectError = (reply: Reply, status: number, code: number, id: unknown = null) => {
    expect(reply.status).toBe(status)
    expect(reply.headers.get('mcp-session-id')).toBeNull()
    expect(reply.message).toMatchObject({ id, error: { code } })
  }

  // Each request has every fault of the rows below it as well: the first row that applies answers.
  test('are judged in this order', async () => {
    const query = '?access_token=x'
    const worst = {
      Origin: 'http://evil.example',
      'Content-Type': 'text/plain',
      Accept: 'text/html',
    }
    const big = 'x'.repeat(MAX_BODY + 1)
    expect((await post({ ...worst, Host: 'evil.example' }, big, query)).status).toBe(403)
    expect((await post(worst, big, query)).status).toBe(403)
    const noOrigin = { 'Content-Type': 'text/plain', Accept: 'text/html' }
    const inQuery = await post(noOrigin, big, query)
    expect(inQuery.status).toBe(400)
    expect(JSON.parse(inQuery.text).error).toBe('invalid_request')
    expect((await post(noOrigin, big)).status).toBe(401)
    const known = { ...noOrigin, Authorization: `Bearer ${alice.tokens.access_token}` }
    expect((await post(known, big)).status).toBe(413)
    expect((await post(known, 'no json')).status).toBe(415)
    const json = { ...known, 'Content-Type': 'application/json' }
    expect((await post(json, 'no json')).status).toBe(406)
    const fit = { ...bearer(alice), 'MCP-Protocol-Version': '1999-01-01' }
    expectError(await post(fit, 'no json'), 400, -32700)
    expectError(await post(fit, PING), 400, -32600, 5)
    expectError(await post(bearer(alice), PING), 400, -32600, 5)
    expect((await post(bearer(alice, 'unknown'), PING)).text).toBe(NOT_FOUND)
    expect((await post(withSession(), PING)).status).toBe(200)
  })

  test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80'])(
    '403 for the Host %s, whatever the token',
    async (host) => {
      expect((await post(withSession({ Host: host }))).status).toBe(403)
    },
  )

  test('403 for a foreign Origin, also for null and for GET and DELETE; our own may', async () => {
    for (const origin of ['null', 'http://evil.example', 'http://localhost.evil.example'])
      for (const method of ['POST', 'GET', 'DELETE']) {
        const headers = withSession({ Origin: origin })
        const body = method === 'POST' ? JSON.stringify(PING) : null
        const answer = await fetch(world.mcpUrl, { method, headers, body })
        expect(answer.status).toBe(403)
      }
    expect((await post(withSession({ Origin: world.url }))).status).toBe(200)
  })

  test('400 for a token in the URL, a good one in the header or not', async () => {
    const query = `?access_token=${alice.tokens.access_token}`
    for (const headers of [withSession(), without('Authorization')])
      expect((await post(headers, PING, query)).status).toBe(400)
  })

  test('401 with an empty body and the challenge, and the error only for who sent a token', async () => {
    const metadata = `${world.url}/.well-known/oauth-protected-resource/mcp`
    for (const method of ['POST', 'GET', 'DELETE']) {
      const answer = await fetch(world.mcpUrl, { method })
      expect(answer.status).toBe(401)
      expect(await answer.text()).toBe('')
      const challenge = answer.headers.get('www-authenticate') ?? ''
      expect(challenge).toStartWith(`Bearer resource_metadata="${metadata}", scope="`)
      expect(challenge).not.toContain('error')
    }
    for (const token of ['nonsense', `${alice.tokens.access_token}x`, alice.tokens.refresh_token]) {
      const answer = await post({ ...withSession(), Authorization: `Bearer ${token}` })
      expect(answer.status).toBe(401)
      expect(answer.text).toBe('')
      expect(answer.headers.get('www-authenticate')).toContain(', error="invalid_token"')
      expect(answer.headers.get('mcp-session-id')).toBeNull()
    }
    const { resource } = (await (await fetch(metadata)).json()) as { resource: string }
    expect(resource).toBe(world.mcpUrl)
  })

  test('413 for a body over the cap, with a length and in pieces', async () => {
    const big = JSON.stringify({ ...PING, params: { pad: 'x'.repeat(MAX_BODY) } })
    expect((await post(withSession(), big)).status).toBe(413)
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(big))
        controller.close()
      },
    })
    const answer = await fetch(world.mcpUrl, {
      method: 'POST',
      headers: withSession(),
      body: pieces,
    })
    expect(answer.status).toBe(413)
    expect((await post(withSession(), PING)).status).toBe(200)
  })

  test('415 for another content type, 406 when either kind of reply is not taken', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      expect((await post(withSession({ 'Content-Type': type }))).status).toBe(415)
    for (const accept of ['application/json', 'text/event-stream', 'text/html'])
      expect((await post(withSession({ Accept: accept }))).status).toBe(406)
    expect((await post(withSession({ Accept: '*/*' }))).status).toBe(200)
  })

  test('400 -32700 for what is not JSON, -32600 for what is not JSON-RPC, with the id where there is one', async () => {
    for (const body of ['', 'nonsense', '{"jsonrpc":"2.0"', new Uint8Array([0x22, 0xff, 0x22])])
      expectError(await post(withSession(), body), 400, -32700)
    for (const body of [
      '1',
      '"x"',
      'null',
      '[]',
      '{}',
      '{"jsonrpc":"2.0"}',
      '{"id":1,"method":"ping"}',
    ])
      expect((await post(withSession(), body)).message).toMatchObject({ error: { code: -32600 } })
    const twice = '{"jsonrpc":"2.0","id":77,"method":"ping","method":"ping"}'
    expect((await post(withSession(), twice)).status).toBe(400)
  })

  test('400 for an unknown protocol version and for a missing session id, with the id of the request', async () => {
    const odd = await post(withSession({ 'MCP-Protocol-Version': '2042-01-01' }))
    expectError(odd, 400, -32600, 5)
    expectError(await post(bearer(alice)), 400, -32600, 5)
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(world.mcpUrl, { method, headers: bearer(alice) })
      expect(answer.status).toBe(400)
    }
  })

  test('404 for a session that is unknown, ended or of another client of the same user', async () => {
    const other = await world.login('alice', { client: 'Another' })
    const ended = await alice.open()
    expect(await ended.end()).toBe(204)
    const requests: [Login, string][] = [
      [alice, 'A'.repeat(32)],
      [alice, ended.id],
      [other, session.id],
    ]
    for (const [login, id] of requests) {
      const headers = bearer(login, id)
      const reply = await post(headers)
      expect(reply.status).toBe(404)
      expect(reply.text).toBe(NOT_FOUND)
      expect(reply.text).toContain('"code":-32001')
      expect(
        (await post(headers, { jsonrpc: '2.0', method: 'notifications/initialized' })).status,
      ).toBe(404)
      for (const method of ['GET', 'DELETE'])
        expect((await fetch(world.mcpUrl, { method, headers })).status).toBe(404)
    }
    expect((await session.request('ping')).status).toBe(200)
  })

  test("404 for another user's session, and a row in the audit: a stolen id", async () => {
    const reply = await post(bearer(bob, session.id))
    expect(reply.status).toBe(404)
    expect(reply.text).toBe(NOT_FOUND)
    type Row = { event: string; clientId: string; sessionHash: string }
    const rows = await world.json<Row[]>('audit', '--event', 'session.foreign', '--account', 'bob')
    expect(rows).toHaveLength(1)
    expect(rows[0]?.clientId).toBe(bob.clientId)
    expect(rows[0]?.sessionHash).toBe(session.hash)
    expect(await session.whoami()).toBe('alice')
  })

  test('202 without a body for a notification and a response', async () => {
    for (const body of [
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
      { jsonrpc: '2.0', id: 12, result: {} },
      { jsonrpc: '2.0', id: 12, error: { code: 1, message: 'no' } },
    ]) {
      const reply = await post(withSession(), body)
      expect([reply.status, reply.text]).toEqual([202, ''])
    }
  })

  test('400 -32602 for a stateless request that does not say what its client can do', async () => {
    const meta = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
    const modern = { ...bearer(alice), 'MCP-Protocol-Version': '2026-07-28' }
    const discover = { jsonrpc: '2.0', id: 'd', method: 'server/discover', params: meta }
    expectError(await post(modern, discover), 400, -32602, 'd')
    const list = { jsonrpc: '2.0', id: 9, method: 'tools/list' }
    expectError(await post(modern, list), 400, -32602, 9)
  })

  test('405 for other methods', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const answer = await fetch(world.mcpUrl, { method, headers: withSession() })
      expect(answer.status).toBe(405)
      expect(answer.headers.get('allow')).toContain('POST')
    }
  })
})
