import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHttpKit, form, type HttpKit, json } from './kit.ts'

let kit: HttpKit
beforeEach(() => {
  kit = createHttpKit()
})
afterEach(() => kit.close())

const DOCUMENTS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/mcp',
]

describe('the Host header', () => {
  test('must name the public URL’s host, on any port and in any case', async () => {
    for (const host of ['broker.example', 'broker.example:8443', 'BROKER.example'])
      expect((await kit.send('/', { headers: { host } })).status).toBe(200)
    for (const host of [
      'evil.example',
      'broker.example.evil.example',
      'localhost',
      'x@broker.example',
      '',
      null,
    ])
      for (const path of ['/', '/mcp', '/oauth/authorize', ...DOCUMENTS])
        expect((await kit.send(path, { headers: { host } })).status).toBe(403)
  })

  test('may be any loopback name and port while the public URL is on loopback', async () => {
    const local = createHttpKit({ config: { publicUrl: 'http://127.0.0.1:8080' } })
    for (const host of ['localhost', 'localhost:3000', '127.0.0.1:8080', '[::1]:9'])
      expect((await local.send('/', { headers: { host } })).status).toBe(200)
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ])
      expect((await local.send('/', { headers: { host } })).status).toBe(403)
    local.close()
  })

  test('may be a short one', async () => {
    const short = createHttpKit({ config: { publicUrl: 'https://m' } })
    expect((await short.send('/')).status).toBe(200)
    expect((await short.send('/mcp')).status).toBe(401)
    short.close()
  })

  test('is not looked at by health checks', async () => {
    for (const host of ['10.0.0.7:8080', null])
      for (const path of ['/healthz', '/readyz'])
        expect((await kit.send(path, { headers: { host } })).status).toBe(200)
  })
})

describe('paths and methods', () => {
  test('a path that is not listed is 404, however it is spelt', async () => {
    for (const path of [
      '/nope',
      '//mcp',
      '/mcp/',
      '/MCP',
      '/%6dcp',
      '/healthz/',
      '/oauth',
      '/connections/',
      '/.env',
    ])
      expect((await kit.send(path)).status).toBe(404)
  })

  test('this is no OpenID provider', async () => {
    const response = await kit.send('/.well-known/openid-configuration')
    expect(response.status).toBe(404)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  test.each([
    ['/', 'POST', 'GET, HEAD'],
    ['/healthz', 'POST', 'GET, HEAD'],
    ['/.well-known/oauth-authorization-server', 'POST', 'GET, HEAD'],
    ['/oauth/register', 'GET', 'POST'],
    ['/oauth/token', 'GET', 'POST'],
    ['/oauth/revoke', 'PUT', 'POST'],
    ['/oauth/authorize', 'POST', 'GET'],
    ['/oauth/callback', 'HEAD', 'GET'],
    ['/oauth/consent', 'GET', 'POST'],
    ['/mcp', 'PUT', 'GET, POST, DELETE'],
    ['/mcp', 'HEAD', 'GET, POST, DELETE'],
    ['/mcp', 'OPTIONS', 'GET, POST, DELETE'],
  ])('%s does not take %s', async (path, method, allow) => {
    const response = await kit.send(path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe(allow)
  })

  test('a browser gets a page for a path that is not there, a program gets JSON', async () => {
    const page = await kit.send('/nope', { headers: { accept: 'text/html,*/*' } })
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await (await kit.send('/nope')).json()).toEqual({ error: 'not_found' })
  })

  test('nothing is sniffed', async () => {
    for (const path of ['/', '/nope', '/healthz', '/mcp', ...DOCUMENTS])
      expect((await kit.send(path)).headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('CORS', () => {
  const preflight = (origin: string, headers = 'mcp-protocol-version') => ({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers,
    },
  })

  test('lets every page read discovery, registration, token and revocation, refusals included', async () => {
    const asked = [
      ...(await Promise.all(
        DOCUMENTS.map((path) => kit.send(path, { headers: { origin: 'https://any.example' } })),
      )),
      await kit.send('/oauth/register', json({}, { origin: 'https://any.example' })),
      await kit.send('/oauth/token', form({}, { origin: 'https://any.example' })),
      await kit.send('/oauth/revoke', form({}, { origin: 'https://any.example' })),
    ]
    for (const response of asked) {
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.has('access-control-allow-credentials')).toBe(false)
    }
  })

  test('answers preflights there without looking further', async () => {
    for (const path of [...DOCUMENTS, '/oauth/register', '/oauth/token', '/oauth/revoke']) {
      const response = await kit.send(path, preflight('https://any.example'))
      expect(response.status).toBe(204)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('access-control-allow-headers')).toContain('MCP-Protocol-Version')
    }
  })

  test('lets no page read the pages', async () => {
    for (const path of ['/', '/oauth/authorize', '/oauth/callback', '/healthz']) {
      const response = await kit.send(path, { headers: { origin: 'https://any.example' } })
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
    }
    expect((await kit.send('/oauth/consent', preflight('https://any.example'))).status).toBe(405)
  })

  test('on /mcp is for our own and allowed origins, before any token is asked for', async () => {
    const allowing = createHttpKit({ config: { allowedOrigins: ['https://inspector.example'] } })
    for (const origin of ['https://broker.example', 'https://inspector.example']) {
      const response = await allowing.send(
        '/mcp',
        preflight(origin, 'authorization, mcp-param-region'),
      )
      expect(response.status).toBe(204)
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      expect(response.headers.get('vary')).toBe('Origin')
      expect(response.headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE')
      const allowed = response.headers
        .get('access-control-allow-headers')
        ?.toLowerCase()
        .split(', ')
      for (const name of [
        'authorization',
        'content-type',
        'mcp-session-id',
        'mcp-protocol-version',
        'mcp-method',
        'mcp-name',
        'mcp-param-region',
        'last-event-id',
      ])
        expect(allowed).toContain(name)
      const refusal = await allowing.send('/mcp', { method: 'POST', headers: { origin } })
      expect(refusal.status).toBe(401)
      expect(refusal.headers.get('access-control-allow-origin')).toBe(origin)
      expect(refusal.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
      expect(refusal.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id')
    }
    for (const origin of [
      'https://evil.example',
      'null',
      'http://broker.example',
      'https://broker.example.evil.example',
    ]) {
      const response = await allowing.send('/mcp', preflight(origin))
      expect(response.status).toBe(403)
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
    }
    allowing.close()
  })
})

describe('the rate limit', () => {
  const statuses = async (count: number, ask: () => Promise<Response>) => {
    const seen: number[] = []
    for (let n = 0; n < count; n++) seen.push((await ask()).status)
    return seen
  }

  test('refuses the 61st registration at once, says when to come again, and lets one pass then', async () => {
    const register = () => kit.send('/oauth/register', json({}))
    expect(new Set(await statuses(60, register))).toEqual(new Set([400]))
    const refused = await register()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
    expect(await refused.json()).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'too many requests',
    })
    await kit.flow.clock.advance(1_000)
    expect(await statuses(2, register)).toEqual([400, 429])
  })

  test('refuses the 121st look at the authorize page with a page', async () => {
    const authorize = () => kit.send('/oauth/authorize')
    expect(await statuses(120, authorize)).not.toContain(429)
    const refused = await authorize()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await kit.send('/oauth/token', form({}))).status).toBe(400)
  })

  test('never touches /mcp, discovery or health', async () => {
    for (const path of ['/mcp', '/healthz', '/.well-known/oauth-protected-resource'])
      expect(await statuses(200, () => kit.send(path))).not.toContain(429)
  })

  test('can be switched off', async () => {
    const unlimited = createHttpKit({ config: { rateLimit: false } })
    expect(await statuses(70, () => unlimited.send('/oauth/register', json({})))).not.toContain(429)
    unlimited.close()
  })

  test('counts each client behind a trusted proxy by itself', async () => {
    const proxied = createHttpKit({
      config: { listen: { kind: 'unix', path: '/run/broker.sock' } },
    })
    const from = (address: string) =>
      proxied.send('/oauth/register', json({}, { 'x-forwarded-for': address }))
    expect(await statuses(61, () => from('198.51.100.1'))).toContain(429)
    expect((await from('198.51.100.2')).status).toBe(400)
    proxied.close()
  })
})
