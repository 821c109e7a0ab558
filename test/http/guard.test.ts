import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { guardMcp, readBearer } from '../../src/http/guard.ts'
import { createHttpKit, type HttpKit } from './kit.ts'

let kit: HttpKit
let token: string
beforeEach(async () => {
  kit = createHttpKit()
  token = (await kit.flow.connect(kit.flow.client())).access_token
})
afterEach(() => kit.close())

const CHALLENGE =
  'Bearer resource_metadata="https://broker.example/.well-known/oauth-protected-resource/mcp", scope="read:user write:repository write:issue"'

const post = (headers: Record<string, string> = {}, query = '') =>
  kit.send(`/mcp${query}`, { method: 'POST', headers, body: '{}' })

describe('without a good token', () => {
  test('every method gets 401 with the challenge and an empty body', async () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await kit.send('/mcp', { method })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(CHALLENGE)
      expect(await response.text()).toBe('')
      expect(response.headers.has('mcp-session-id')).toBe(false)
    }
  })

  test('a token that was sent is called invalid, after the scope', async () => {
    for (const authorization of [
      'Bearer nonsense',
      `Bearer fjat_${'x'.repeat(43)}`,
      `Bearer ${token}x`,
      'Bearer',
      'Bearer a b',
      'Bearer "quoted"',
      `Bearer ${'x'.repeat(5_000)}`,
    ]) {
      const response = await post({ authorization })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(`${CHALLENGE}, error="invalid_token"`)
      expect(await response.text()).toBe('')
    }
  })

  test('another scheme counts as no token', async () => {
    for (const authorization of [`Basic ${token}`, `Bearer${token}`, token]) {
      const response = await post({ authorization })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(CHALLENGE)
    }
  })

  test('an expired and a revoked one are no better', async () => {
    await kit.flow.clock.advance(kit.flow.config.accessTokenTtlMs)
    expect((await post({ authorization: `Bearer ${token}` })).status).toBe(401)
  })
})

describe('with a good token', () => {
  test('the request goes on, whatever the case of the scheme', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect((await post({ authorization: `${scheme} ${token}` })).status).not.toBe(401)
  })

  test('the guard gives the caller', () => {
    const request = new Request('http://broker.example/mcp', {
      headers: { host: 'broker.example', authorization: `Bearer ${token}` },
    })
    const guarded = guardMcp(request, kit.deps)
    if (!guarded.ok) throw new Error(`refused with ${guarded.error.status}`)
    expect(guarded.value.caller.login).toBe('alice')
    expect(guarded.value.caller.accountId).toBe('account_1')
  })

  test('an account that must log in again at Forgejo gets the 401 that makes clients do so', async () => {
    kit.flow.forgejo.credential = { kind: 'dead', reason: 'superseded' }
    const response = await post({ authorization: `Bearer ${token}` })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(`${CHALLENGE}, error="invalid_token"`)
    kit.flow.forgejo.credential = {
      kind: 'later',
      retryAfterMs: 1,
      reason: 'down',
      operator: false,
    }
    expect((await post({ authorization: `Bearer ${token}` })).status).not.toBe(401)
  })
})

describe('the order of refusals', () => {
  test('a token in the query is refused even beside a good one, and never used', async () => {
    for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
      const response = await post(headers as Record<string, string>, `?access_token=${token}`)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    }
    expect((await post({}, `?x=1&access%5Ftoken=${token}`)).status).toBe(400)
  })

  test('a foreign origin comes before everything else', async () => {
    for (const origin of ['https://evil.example', 'null', 'https://broker.example:444'])
      expect(
        (await post({ origin, authorization: `Bearer ${token}` }, '?access_token=x')).status,
      ).toBe(403)
    expect((await post({ origin: 'https://broker.example' })).status).toBe(401)
  })

  test('pages on loopback may come while the public URL is there', async () => {
    const local = createHttpKit({ config: { publicUrl: 'http://localhost:8080' } })
    const ask = (origin: string) => local.send('/mcp', { method: 'POST', headers: { origin } })
    for (const origin of ['http://localhost:6274', 'http://127.0.0.1:1', 'https://localhost'])
      expect((await ask(origin)).status).toBe(401)
    for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example'])
      expect((await ask(origin)).status).toBe(403)
    local.close()
  })
})

test.each([
  [null, 'none'],
  ['', 'none'],
  ['Basic abc', 'none'],
  ['Bearerabc', 'none'],
  ['Bearer', 'malformed'],
  ['Bearer a,b', 'malformed'],
  ['Bearer abc, Bearer def', 'malformed'],
  ['Bearer a=b', 'malformed'],
  ['Bearer abc==', 'token'],
  ['bearer  a.b-c_d~e+f/g', 'token'],
])('%p presents %s', (header, kind) => {
  expect(readBearer(header).kind).toBe(kind as 'none')
})
