import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { send, toolText } from '../e2e/wire.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { loginOf, type Played, play, type Shape } from './raw.ts'

/** Claude.ai and Claude Desktop: Anthropic's servers connect, not the person's machine. */
const CLAUDE: Shape = {
  metadata: {
    client_name: 'Claude',
    redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
  },
  redirectUri: 'https://claude.ai/api/mcp/auth_callback',
  headers: { 'User-Agent': 'python-httpx/0.28.1', 'X-Forwarded-For': '160.79.104.10' },
  protocolVersion: '2025-11-25',
}

/** The first thing that it asks of a server that it does not know. */
const DISCOVER = {
  id: 1,
  method: 'server/discover',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'Anthropic', version: '1' },
    },
  },
}
const DISCOVER_HEADERS = {
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'server/discover',
}

/** What clients look for in a 404, to the letter. */
const NOT_FOUND = '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"'

/** Longest time that one of these tests may take, in ms. */
const TEST_MS = 60_000
setDefaultTimeout(TEST_MS)

let world: World
let claude: Played
beforeAll(async () => {
  world = await openWorld({
    program: FROM_SOURCE,
    env: { FJMCP_BROKER_TRUSTED_PROXIES: '127.0.0.1/32' },
  })
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  claude = play(world, 'alice', CLAUDE)
  await claude.register()
})

test('is told where to log in, whatever it asks first', async () => {
  const json = { 'Content-Type': 'application/json', ...DISCOVER_HEADERS }
  const discovered = await send(world.mcpUrl, json, { jsonrpc: '2.0', ...DISCOVER })
  const got = await fetch(world.mcpUrl)
  for (const { status, headers } of [discovered, got]) {
    expect(status).toBe(401)
    const challenge = headers.get('www-authenticate') ?? ''
    expect(challenge).toStartWith('Bearer resource_metadata="')
    const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? ''
    const resource = (await (await fetch(metadata)).json()) as Record<string, string[]>
    expect(String(resource.resource)).toBe(world.mcpUrl)
    const issuer = resource.authorization_servers?.[0] ?? ''
    const found = await fetch(`${issuer}/.well-known/oauth-authorization-server`)
    // Only with both of these does it use a metadata document instead of registering.
    expect(await found.json()).toMatchObject({
      issuer,
      client_id_metadata_document_supported: true,
      token_endpoint_auth_methods_supported: ['none'],
    })
  }
})

test('registers twice, a second apart, and is one client without a secret', async () => {
  const first = await claude.register()
  await Bun.sleep(1100)
  const second = await claude.register()
  for (const { status, body } of [first, second]) {
    expect(status).toBe(201)
    expect(body.token_endpoint_auth_method).toBe('none')
    expect(body.client_secret).toBeUndefined()
    expect(body.redirect_uris).toEqual([CLAUDE.redirectUri])
  }
  expect(second.body.client_id).toBe(first.body.client_id)
  const back = await claude.login()
  expect(`${back.origin}${back.pathname}`).toBe(CLAUDE.redirectUri)
  expect(back.searchParams.get('iss')).toBe(world.url)
})

test('opens with server/discover, is answered in words it knows, and gets its session', async () => {
  await claude.login()
  const { status, message } = await claude.post(DISCOVER, DISCOVER_HEADERS)
  expect(message?.id).toBe(1)
  if (status === 200) expect(message?.result?.supportedVersions).toContain('2026-07-28')
  else expect({ status, code: message?.error?.code }).toEqual({ status: 404, code: -32601 })
  const session = await claude.initialize()
  expect(loginOf(await claude.call(session, 1, 'get_my_user_info'))).toBe('alice')
})

test('names every request 1, in several chats on one session, and no answer goes astray', async () => {
  await claude.login()
  const session = await claude.initialize()
  const chats = Array.from({ length: 24 }, (_, at) => `chat ${at}`)
  const replies = await Promise.all(
    chats.map((chat, at) =>
      claude.call(session, 1, 'test_slow', { text: chat, ms: ((at * 7) % 12) * 20 }),
    ),
  )
  const said = replies.map((reply) => [reply.message?.id, toolText(reply)])
  expect(said).toEqual(chats.map((chat) => [1, chat]))
})

test('asks with progress under one token in two chats, and each hears its own', async () => {
  await claude.login()
  const session = await claude.initialize()
  const ask = (steps: number) =>
    claude.post(
      {
        id: 1,
        method: 'tools/call',
        params: {
          name: 'test_progress',
          arguments: { steps, ms: 20 },
          _meta: { progressToken: 1 },
        },
      },
      claude.inSession(session),
    )
  const [three, five] = await Promise.all([ask(3), ask(5)])
  const totals = ({ text }: { text: string }) =>
    [...text.matchAll(/^data: (\{.*"notifications\/progress".*\})$/gm)].map(
      ([, data = '']) => JSON.parse(data).params,
    )
  const steps = (total: number) =>
    Array.from({ length: total }, (_, at) => ({ progressToken: 1, progress: at + 1, total }))
  expect(totals(three)).toEqual(steps(3))
  expect(totals(five)).toEqual(steps(5))
})

test('initializes before every call and ends none of its sessions, and is never turned away', async () => {
  await claude.login()
  const sessions: string[] = []
  for (let count = 0; count < 24; count += 1) {
    const session = await claude.initialize()
    sessions.push(session)
    expect(loginOf(await claude.call(session, 1, 'get_my_user_info'))).toBe('alice')
  }
  const several = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const session = await claude.initialize()
      return loginOf(await claude.call(session, 1, 'get_my_user_info'))
    }),
  )
  expect(several).toEqual(Array(6).fill('alice'))
  expect(loginOf(await claude.call(sessions[0] ?? '', 1, 'get_my_user_info'))).toBe('alice')
})

test('refreshes from two addresses at once without a resource, and neither loses its session', async () => {
  await claude.login()
  const session = await claude.initialize()
  const from = (address: string) => claude.refresh({ 'X-Forwarded-For': address })
  const both = await Promise.all([from('160.79.104.10'), from('160.79.104.77')])
  for (const answer of both) {
    expect(answer.status).toBe(200)
    claude.adopt(answer)
    expect(loginOf(await claude.call(session, 1, 'get_my_user_info'))).toBe('alice')
  }
  // Either of the two may be the one that goes on.
  for (const answer of both) {
    claude.adopt(answer)
    const next = await claude.refresh()
    expect(next.status).toBe(200)
    claude.adopt(next)
    expect(loginOf(await claude.call(session, 1, 'get_my_user_info'))).toBe('alice')
  }
})

test('keeps an id that has ended, and hears so in words that make it begin anew', async () => {
  await claude.login()
  const session = await claude.initialize()
  const ended = await fetch(world.mcpUrl, {
    method: 'DELETE',
    headers: {
      Authorization: `Bearer ${claude.tokens.access}`,
      'Mcp-Session-Id': session,
    },
  })
  expect(ended.status).toBe(204)
  for (const id of [session, 'an-id-of-another-life']) {
    const gone = await claude.call(id, 1, 'get_my_user_info')
    expect(gone.status).toBe(404)
    expect(gone.text).toStartWith(NOT_FOUND)
    expect(gone.headers.get('mcp-session-id')).toBeNull()
  }
  const again = await claude.initialize()
  expect(loginOf(await claude.call(again, 1, 'get_my_user_info'))).toBe('alice')
})

test('goes on with its session, tokens and registration after the broker was killed', async () => {
  await claude.login()
  const session = await claude.initialize()
  const registered = claude.clientId
  await world.restart('SIGKILL')
  expect(loginOf(await claude.call(session, 1, 'get_my_user_info'))).toBe('alice')
  expect((await claude.refresh()).status).toBe(200)
  expect((await claude.register()).body.client_id).toBe(registered)
})

test('is told to register again when nobody knows its client any more', async () => {
  await claude.login()
  const { status, body } = await claude.refresh()
  expect(status).toBe(200)
  const stranger = await claude.token({
    client_id: 'client_000000000000000000000000',
    grant_type: 'refresh_token',
    refresh_token: String(body.refresh_token),
  })
  expect(stranger).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
})
