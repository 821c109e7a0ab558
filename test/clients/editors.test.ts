import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { createBrowser } from '../fixtures/browser.ts'
import { loginOf, play, type Shape } from './raw.ts'

/** VS Code: four addresses, a grant type that we do not have, and a port that may be taken. */
const VSCODE: Shape = {
  metadata: {
    client_name: 'Visual Studio Code',
    client_uri: 'https://code.visualstudio.com',
    grant_types: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    response_types: ['code'],
    redirect_uris: [
      'https://insiders.vscode.dev/redirect',
      'https://vscode.dev/redirect',
      'http://127.0.0.1/',
      'http://127.0.0.1:33418/',
    ],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    scope: 'read:user write:repository',
  },
  redirectUri: 'http://127.0.0.1:33418/',
  protocolVersion: '2025-11-25',
}

/** Cursor: an address of its own scheme, one on its maker's site and one on loopback, all in one registration. */
const CURSOR: Shape = {
  metadata: {
    client_name: 'Cursor',
    redirect_uris: [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback',
  protocolVersion: '2025-06-18',
}

/** Longest time that one of these tests may take, in ms. */
const TEST_MS = 60_000
setDefaultTimeout(TEST_MS)

let world: World
beforeAll(async () => {
  world = await openWorld({ program: FROM_SOURCE })
})
afterAll(() => world[Symbol.asyncDispose]())

const WAYS = [
  { shape: VSCODE, redirectUri: 'http://127.0.0.1:33418/' },
  { shape: VSCODE, redirectUri: 'http://127.0.0.1:59656/' },
  { shape: VSCODE, redirectUri: 'https://vscode.dev/redirect' },
  { shape: CURSOR, redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback' },
  { shape: CURSOR, redirectUri: 'https://www.cursor.com/agents/mcp/oauth/callback' },
  { shape: CURSOR, redirectUri: 'http://localhost:8787/callback' },
]

test.each(WAYS)('a person comes back to $redirectUri', async ({ shape, redirectUri }) => {
  const app = play(world, 'alice', shape)
  const registered = await app.register()
  expect(registered.status).toBe(201)
  expect(registered.body.redirect_uris).toEqual(shape.metadata.redirect_uris as string[])
  expect(registered.body.grant_types).toEqual(['authorization_code', 'refresh_token'])
  const back = await app.login(redirectUri)
  expect(back.href.split('?')[0]).toBe(redirectUri)
  const session = await app.initialize(1)
  expect(loginOf(await app.call(session, 2, 'get_my_user_info'))).toBe('alice')
})

test("the browser is allowed to go on to Cursor's own scheme after consent", async () => {
  const browser = createBrowser()
  const app = play(world, 'alice', CURSOR, browser)
  await app.register()
  const page = await browser.get(app.authorization().url)
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(/form-action ([^;]*)/.exec(policy)?.[1]?.split(' ')).toContain('cursor:')
})

test('VS Code asks again with a client that is gone, and the person reads why', async () => {
  const browser = createBrowser()
  const app = play(world, 'alice', VSCODE, browser)
  await app.register()
  const { code } = await world.run(['clients', 'revoke', app.clientId])
  expect(code).toBe(0)
  const gone = { revoked: app.clientId, unknown: 'client_000000000000000000000000' }
  for (const [why, client_id] of Object.entries(gone)) {
    const { url } = app.authorization(VSCODE.redirectUri, { client_id })
    const page = await browser.get(url)
    expect(page.redirects).toEqual([])
    expect(page.status).toBe(why === 'revoked' ? 403 : 400)
    expect(page.headers.get('content-type')).toStartWith('text/html')
  }
  // A new registration is a new client: the revoked one is not taken up again.
  expect((await app.register()).body.client_id).not.toBe(gone.revoked)
  await app.login()
})

test('VS Code shakes hands with all it can do, sets the level of logs and reads every list', async () => {
  const app = play(world, 'alice', VSCODE)
  await app.register()
  await app.login()
  const opened = await app.post({
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {
        roots: { listChanged: true },
        sampling: {},
        elicitation: { form: {}, url: {} },
        tasks: { list: {}, cancel: {} },
      },
      clientInfo: { name: 'Visual Studio Code', version: '1.110.0' },
    },
  })
  const inSession = app.inSession(opened.headers.get('mcp-session-id') ?? '')
  expect((await app.post({ method: 'notifications/initialized' }, inSession)).status).toBe(202)
  const asked = [
    { id: 2, method: 'logging/setLevel', params: { level: 'debug' } },
    { id: 3, method: 'tools/list', params: {} },
    { id: 4, method: 'resources/templates/list', params: {} },
    { id: 5, method: 'ping' },
  ]
  const replies = await Promise.all(asked.map((each) => app.post(each, inSession)))
  expect(replies.map(({ status, message }) => [status, message?.id])).toEqual([
    [200, 2],
    [200, 3],
    [200, 4],
    [200, 5],
  ])
})

test('Cursor tries the transport of 2024 when it is unsure, and is told to log in or to begin', async () => {
  const stranger = await fetch(world.mcpUrl, { headers: { Accept: 'text/event-stream' } })
  expect(stranger.status).toBe(401)
  const app = play(world, 'alice', CURSOR)
  await app.register()
  await app.login()
  const unsure = await app.get()
  expect(unsure.status).toBe(400)
  expect(unsure.headers.get('content-type')).toStartWith('application/json')
  await unsure.body?.cancel()
})
