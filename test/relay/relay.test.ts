import { expect, test } from 'bun:test'
import { ALL_SCOPES, bench, rawRequest, VERSION } from './harness.ts'

const messageOf = async (response: Response) =>
  ((await response.json()) as { message: string }).message

test('a child’s pass is swapped for the account’s token and never reaches Forgejo', async () => {
  await using b = bench()
  const child = await b.child()
  expect(child.url).toBe(b.base)
  expect(child.credential).toMatch(/^fjpass_[\w-]{43}$/)
  const response = await b.ask(child, '/api/v1/user?limit=2')
  expect(await response.json()).toEqual({ path: '/api/v1/user?limit=2' })
  expect(b.seen).toHaveLength(1)
  expect(b.seen[0]?.headers.get('authorization')).toBe('token token-one')
  expect(JSON.stringify([...(b.seen[0]?.headers ?? [])])).not.toContain(child.credential)
})

test('a pass is taken under either scheme, in any case', async () => {
  await using b = bench()
  const child = await b.child()
  for (const scheme of ['token', 'Token', 'Bearer', 'bearer']) {
    const headers = { authorization: `${scheme} ${child.credential}` }
    expect((await fetch(`${b.base}/api/v1/user`, { headers })).status).toBe(200)
  }
})

test('no pass, a wrong one and a dead one get 403, reach nothing and are audited', async () => {
  await using b = bench()
  const child = await b.child()
  child.release()
  child.release()
  expect((await fetch(`${b.base}/api/v1/user`)).status).toBe(403)
  expect((await b.ask({ credential: 'fjpass_wrong' }, '/api/v1/version')).status).toBe(403)
  expect((await b.ask(child, '/api/v1/user')).status).toBe(403)
  expect(b.seen).toHaveLength(0)
  expect(b.audits.map(({ event, reason }) => [event, reason])).toEqual([
    ['relay.pass_refused', 'no pass'],
    ['relay.pass_refused', 'wrong or dead pass'],
    ['relay.pass_refused', 'wrong or dead pass'],
  ])
})

test('knocking does not flood the audit', async () => {
  await using b = bench()
  for (let n = 0; n < 70; n++) await fetch(`${b.base}/api/v1/user`)
  expect(b.audits).toHaveLength(60)
  await b.clock.advance(60_000)
  await fetch(`${b.base}/api/v1/user`)
  expect(b.audits).toHaveLength(61)
})

test('an unleased child reaches the version and nothing else, until it is leased', async () => {
  await using b = bench()
  const opened = await b.relay.open({ accountId: 'acc_1', scopes: [], leased: false })
  if (!opened.ok) throw new Error(opened.error.reason)
  const child = opened.value
  expect(await (await b.ask(child, '/api/v1/version')).text()).toBe(VERSION)
  expect((await b.ask(child, '/api/v1/user')).status).toBe(403)
  expect(child.lease({ scopes: ALL_SCOPES }).ok).toBe(true)
  expect((await b.ask(child, '/api/v1/user')).status).toBe(200)
  child.release()
  expect(child.lease({ scopes: ALL_SCOPES }).ok).toBe(false)
})

test('without a write scope every writing method gets Forgejo’s own refusal', async () => {
  await using b = bench()
  const child = await b.child(['read:user'])
  for (const [method, path] of [
    ['POST', '/api/v1/repos/a/b/issues'],
    ['PATCH', '/api/v1/repos/a/b/issues/1'],
    ['DELETE', '/api/v1/repos/a/b/labels/1'],
  ] as const) {
    const response = await b.ask(child, path, { method, body: '{}' })
    expect(response.status).toBe(403)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toEqual({
      message: 'token does not have at least one of required scope(s): [write:issue]',
      url: 'https://forge.example/api/swagger',
    })
  }
  expect((await b.ask(child, '/api/v1/user', { method: 'HEAD' })).status).toBe(200)
  expect(b.seen.map(({ method }) => method)).toEqual(['HEAD'])
})

test('a lease is met with the live grant at every request', async () => {
  await using b = bench()
  const child = await b.child()
  const write = () => b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body: '{}' })
  expect((await write()).status).toBe(200)
  b.grant.scopes = ['read:user']
  expect((await write()).status).toBe(403)
  expect((await b.ask(child, '/api/v1/user')).status).toBe(200)
  b.grant.scopes = undefined
  expect((await b.ask(child, '/api/v1/user')).status).toBe(403)
  expect(b.seen).toHaveLength(2)
})

test('the relay is no proxy: a foreign Host, CONNECT and strange methods are refused', async () => {
  await using b = bench()
  const { credential } = await b.child()
  const head = (line: string, host: string) =>
    `${line} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: token ${credential}\r\nConnection: close\r\n\r\n`
  const own = `127.0.0.1:${b.relay.port}`
  const refused = [
    head('GET http://evil.example/api/v1/user', 'evil.example'),
    head('GET /api/v1/user', 'evil.example'),
    head('GET /api/v1/user', `localhost:${b.relay.port}`),
    head('GET /api/v1/user', 'a"b<c>'),
    head('CONNECT evil.example:443', 'evil.example:443'),
    head('CONNECT evil.example:443', own),
    head('OPTIONS /api/v1/user', own),
    head('TRACE /api/v1/user', own),
  ]
  for (const text of refused)
    expect(await rawRequest(b.relay.port, text)).toStartWith('HTTP/1.1 403')
  expect(b.seen).toHaveLength(0)
  // An absolute-form target with our own Host can only lead to Forgejo: Bun drops its authority.
  const own2 = await rawRequest(b.relay.port, head('GET http://evil.example/api/v1/user', own))
  expect(own2).toStartWith('HTTP/1.1 200')
  expect(b.seen.map(({ target }) => target)).toEqual(['/api/v1/user'])
})

test('a child’s environment sends every foreign request to the relay, and none that is for it', async () => {
  await using b = bench()
  const { env } = await b.child()
  const host = `127.0.0.1:${b.relay.port}`
  expect(env).toEqual({
    HTTP_PROXY: b.base,
    http_proxy: b.base,
    HTTPS_PROXY: b.base,
    https_proxy: b.base,
    ALL_PROXY: b.base,
    all_proxy: b.base,
    NO_PROXY: host,
    no_proxy: host,
  })
})

test('a refused request says why in Forgejo’s shape', async () => {
  await using b = bench()
  const child = await b.child()
  const response = await b.ask(child, '/user/settings')
  expect(response.status).toBe(404)
  expect(await messageOf(response)).toBe('Not found')
})

test('a stopped relay lets no new child in and closes its port; stopping twice is the same stop', async () => {
  const b = bench()
  await b.child()
  const first = b.relay.stop()
  expect(b.relay.stop()).toBe(first)
  await first
  expect((await b.relay.open({ accountId: 'a', scopes: [], leased: true })).ok).toBe(false)
  await expect(fetch(`${b.base}/api/v1/version`)).rejects.toThrow()
  await b[Symbol.asyncDispose]()
})
