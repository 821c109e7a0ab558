import { describe, expect, test } from 'bun:test'
import {
  MAX_BODY_BYTES,
  readDiscovery,
  readIntrospection,
  readRetryAfter,
  readUserinfo,
  readVersion,
} from '../../src/forgejo/identity-judgement.ts'
import { ok } from '../../src/result.ts'

const NOW = Date.parse('2027-01-15T08:00:00Z')
const json = (value: unknown, init: ResponseInit = {}) => Response.json(value, init)
const page = (status: number, headers: Record<string, string> = {}) =>
  new Response('<html>token: eyJhbGciOi</html>', {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', ...headers },
  })
const kindOf = async (work: ReturnType<typeof readUserinfo>) => {
  const result = await work
  return result.ok ? 'ok' : result.error.kind
}

describe('userinfo', () => {
  test('names the user by sub and login', async () => {
    const body = { sub: '7', preferred_username: 'alice', name: 'Alice', email: 'a@example.org' }
    expect(await readUserinfo(json(body), NOW)).toEqual(
      ok({ sub: '7', login: 'alice', name: 'Alice' }),
    )
    expect(await readUserinfo(json({ sub: 7, preferred_username: 'al', name: '' }), NOW)).toEqual(
      ok({ sub: '7', login: 'al' }),
    )
  })

  test.each([
    ['a page with 200: suspended', () => page(200), 'account'],
    [
      'a redirect to the new password',
      () => page(303, { location: '/user/settings/change_password' }),
      'account',
    ],
    ['a redirect to 2FA', () => page(303, { location: '/git/user/settings/security' }), 'account'],
    ['a redirect to https', () => page(301, { location: 'https://forge.example/x' }), 'operator'],
    ['a 401', () => page(401), 'again'],
    ['a 403 of a wall', () => page(403), 'later'],
    ['a 429', () => page(429), 'later'],
    ['a 502', () => page(502), 'later'],
    ['nobody', () => json({ sub: '', preferred_username: 'x' }), 'later'],
    ['a list', () => json([]), 'later'],
    [
      'JSON cut short',
      () => new Response('{"sub', { headers: { 'content-type': 'application/json' } }),
      'later',
    ],
    ['more than anybody is', () => json({ sub: 'x'.repeat(MAX_BODY_BYTES) }), 'later'],
  ])('%s', async (_, response, expected) => {
    expect(await kindOf(readUserinfo(response(), NOW))).toBe(expected)
  })

  test('honours Retry-After, and repeats nothing of a page', async () => {
    const result = await readUserinfo(page(503, { 'retry-after': '7' }), NOW)
    expect(result).toEqual({
      ok: false,
      error: { kind: 'later', detail: 'Forgejo answered 503', retryAfterMs: 7_000 },
    })
  })
})

test('Retry-After is seconds or a date, and bounded', () => {
  expect(readRetryAfter('7', NOW)).toBe(7_000)
  expect(readRetryAfter('86400', NOW)).toBe(60_000)
  expect(readRetryAfter('Fri, 15 Jan 2027 08:00:20 GMT', NOW)).toBe(20_000)
  expect(readRetryAfter('Fri, 15 Jan 2027 07:00:00 GMT', NOW)).toBe(0)
  expect(readRetryAfter('soon', NOW)).toBeUndefined()
  expect(readRetryAfter(null, NOW)).toBeUndefined()
})

describe('introspection', () => {
  const read = async (response: Response) => {
    const result = await readIntrospection(response, NOW)
    return result.ok ? result.value.scopes : result.error.kind
  }
  test('gives the scopes of the grant', async () => {
    expect(await read(json({ active: true, scope: 'read:user write:issue' }))).toEqual([
      'read:user',
      'write:issue',
    ])
    expect(await read(json({ active: true, scope: '' }))).toEqual(['all'])
  })
  test('tells a bad client from a bad token', async () => {
    expect(await read(json({ active: false }))).toBe('again')
    expect(await read(new Response('Credentials are incorrect', { status: 401 }))).toBe('again')
    const headers = { 'www-authenticate': 'Basic realm=""' }
    expect(await read(new Response('no', { status: 401, headers }))).toBe('operator')
    expect(await read(page(200))).toBe('later')
  })
})

test('the version is a text of the API, and nothing else is a Forgejo', async () => {
  expect(await readVersion(json({ version: '15.0.3+gitea-1.22.0' }), NOW)).toEqual(
    ok('15.0.3+gitea-1.22.0'),
  )
  expect(await readVersion(json({ hello: 1 }), NOW)).toMatchObject({ error: { kind: 'operator' } })
  expect(await readVersion(page(401), NOW)).toMatchObject({ error: { kind: 'again' } })
  expect(await readVersion(page(200), NOW)).toMatchObject({ error: { kind: 'later' } })
})

test('the issuer comes without its slash; no discovery means no OAuth there', async () => {
  const issuer = 'https://forge.example/git/'
  expect(await readDiscovery(json({ issuer }), NOW)).toEqual(
    ok({ issuer: 'https://forge.example/git' }),
  )
  expect(await readDiscovery(json({ issuer: 'x' }), NOW)).toMatchObject({
    error: { kind: 'operator' },
  })
  expect(await readDiscovery(page(404), NOW)).toMatchObject({ error: { kind: 'operator' } })
  expect(await readDiscovery(page(502), NOW)).toMatchObject({ error: { kind: 'later' } })
})
