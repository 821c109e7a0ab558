import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { loginOf, type Played, play, type Shape } from './raw.ts'

/** Claude Code: a program on the person's machine, whose callback has another port at each login. */
const CODE: Shape = {
  metadata: {
    client_name: 'Claude Code (forgejo)',
    redirect_uris: ['http://localhost:54545/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  redirectUri: 'http://localhost:54545/callback',
  headers: { 'User-Agent': 'claude-code/2.1.0 (cli)' },
  protocolVersion: '2025-06-18',
}

/** Longest time that one of these tests may take, in ms. */
const TEST_MS = 60_000
setDefaultTimeout(TEST_MS)

let world: World
let code: Played
beforeAll(async () => {
  world = await openWorld({ program: FROM_SOURCE })
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  code = play(world, 'bob', CODE)
  await code.register()
})

test.each(['http://localhost:61001/callback', 'http://localhost/callback'])(
  'comes back to the port of the day: %s',
  async (redirectUri) => {
    const back = await code.login(redirectUri)
    expect(back.href).toStartWith(redirectUri)
    const session = await code.initialize(0)
    expect(loginOf(await code.call(session, 1, 'get_my_user_info'))).toBe('bob')
  },
)

test('asks for a scope that nobody has, and gets what there is', async () => {
  await code.login(CODE.redirectUri, { scope: 'openid offline_access' })
  const session = await code.initialize(0)
  expect(loginOf(await code.call(session, 1, 'get_my_user_info'))).toBe('bob')
})

test('runs many times over with one refresh token, and all of them stay connected', async () => {
  await code.login()
  const sessions = await Promise.all([0, 0, 0, 0].map((id) => code.initialize(id)))
  const answers = await Promise.all(sessions.map(() => code.refresh()))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  for (const [at, answer] of answers.entries()) {
    code.adopt(answer)
    expect(loginOf(await code.call(sessions[at] ?? '', 1, 'get_my_user_info'))).toBe('bob')
  }
  // One of them slept, and wakes with what it was given then.
  code.adopt(answers[2] ?? { status: 0, body: {} })
  expect((await code.refresh()).status).toBe(200)
})

test('finds the code it looks for in a 404, without a space', async () => {
  await code.login()
  const gone = await code.call('no-such-session', 5, 'get_my_user_info')
  expect(gone.status).toBe(404)
  expect(gone.text).toContain('"code":-32001')
})

test('keeps a stream open beside its calls', async () => {
  await code.login()
  const session = await code.initialize(0)
  const stream = await code.get(code.inSession(session))
  expect(stream.status).toBe(200)
  expect(stream.headers.get('content-type')).toStartWith('text/event-stream')
  expect(loginOf(await code.call(session, 1, 'get_my_user_info'))).toBe('bob')
  await stream.body?.cancel()
})

test('hears 401 with the challenge once its login was taken back, and logs in again', async () => {
  await code.login()
  const session = await code.initialize(0)
  const revoked = await fetch(`${world.url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: code.tokens.refresh, client_id: code.clientId }),
  })
  expect(revoked.status).toBe(200)
  const refused = await code.call(session, 1, 'get_my_user_info')
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
  expect(await code.refresh()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  await code.login()
  const next = await code.initialize(0)
  expect(loginOf(await code.call(next, 1, 'get_my_user_info'))).toBe('bob')
})
