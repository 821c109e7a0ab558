import { describe, expect, test } from 'bun:test'
import {
  ArcticFetchError,
  OAuth2RequestError,
  UnexpectedErrorResponseBodyError,
  UnexpectedResponseError,
} from 'arctic'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/clock.ts'
import type { TokenPair, UpstreamFailure } from '../../src/forgejo/outcome.ts'
import { readTokenError, type TokenAnswer } from '../../src/forgejo/token-endpoint.ts'
import { readTokenAnswer, type TokenRequest } from '../../src/forgejo/token-judgement.ts'
import { jwt } from './jwt.ts'

const NOW = 1_800_000_000_000
const request = (grant: 'code' | 'refresh'): TokenRequest => ({ grant, secrets: ['s3cret-value'] })
const judge = (answer: TokenAnswer, grant: 'code' | 'refresh'): UpstreamFailure => {
  const result = readTokenAnswer(answer, request(grant), NOW)
  if (result.ok) throw new Error('the answer was taken for tokens')
  return result.error
}
const refused = (error: string, description: string): TokenAnswer => ({
  kind: 'refused',
  error,
  description,
})
/** `again/revoked`, `operator`, `later` or `later/lost`. */
const verdict = (failure: UpstreamFailure): string => {
  if (failure.kind === 'again') return `again/${failure.reason}`
  return failure.kind === 'later' && failure.outcome ? `later/${failure.outcome}` : failure.kind
}

describe('a refused code', () => {
  test.each([
    ['invalid_client', "cannot load client with client id: 'x'", 'operator'],
    ['unauthorized_client', 'invalid client secret', 'operator'],
    ['unauthorized_client', 'invalid empty client secret', 'operator'],
    ['unauthorized_client', 'unexpected redirect URI', 'operator'],
    ['unauthorized_client', 'client is not authorized', 'again/code'],
    ['unauthorized_client', 'failed PKCE code challenge', 'again/code'],
    ['unauthorized_client', 'redirect_uri does not match the authorization request', 'again/code'],
    ['invalid_grant', 'invalid grant', 'again/code'],
    ['invalid_request', 'cannot proceed your request', 'again/code'],
    ['invalid_request', 'cannot sign token', 'later'],
    ['invalid_request', 'server error', 'later'],
    ['invalid_request', 'cannot find user', 'later'],
    ['invalid_request', 'cannot parse basic auth header', 'operator'],
    [
      'invalid_request',
      'client_id in request body inconsistent with Authorization header',
      'operator',
    ],
    ['unsupported_grant_type', 'Only refresh_token or authorization_code …', 'operator'],
    ['unauthorized_client', 'words of a later version', 'again/code'],
    ['temporarily_unavailable', 'come back', 'later'],
  ])('%s: %s → %s', (error, description, expected) => {
    expect(verdict(judge(refused(error, description), 'code'))).toBe(expected)
  })
})

describe('a refused refresh token', () => {
  test.each([
    ['invalid_client', 'cannot load client with client id: "x"', 'operator'],
    ['invalid_client', 'invalid client secret', 'operator'],
    ['invalid_client', 'invalid empty client secret', 'operator'],
    ['unauthorized_client', 'unable to parse refresh token', 'again/expired'],
    ['unauthorized_client', 'token is not a refresh token', 'again/expired'],
    ['invalid_grant', 'grant does not exist', 'again/revoked'],
    ['invalid_grant', 'refresh token was not issued to this client', 'again/superseded'],
    ['unauthorized_client', 'token was already used', 'again/superseded'],
    ['invalid_grant', 'cannot increase the grant counter', 'again/superseded'],
    ['invalid_request', 'cannot sign token', 'later'],
    ['invalid_request', 'server error', 'later'],
    ['invalid_request', 'cannot find user', 'later'],
    ['invalid_request', 'cannot find application', 'later'],
    ['unauthorized_client', 'words of a later version', 'again/expired'],
    ['invalid_grant', '', 'again/expired'],
    ['slow_down', '', 'later'],
  ])('%s: %s → %s', (error, description, expected) => {
    expect(verdict(judge(refused(error, description), 'refresh'))).toBe(expected)
  })
})

describe('no tokens and no refusal', () => {
  const errno = (code: string) => new ArcticFetchError(Object.assign(new TypeError(code), { code }))
  test.each([
    ['a proxy without Forgejo', new UnexpectedResponseError(502), 'later'],
    ['too many requests', new UnexpectedResponseError(429), 'later'],
    ['a 500', new UnexpectedResponseError(500), 'later'],
    ['a 403 of a wall', new UnexpectedResponseError(403), 'later'],
    ['a 400 with HTML', new UnexpectedResponseError(400), 'later'],
    ['a 200 that is HTML, or cut short', new UnexpectedResponseError(200), 'later/lost'],
    ['a 400 with odd JSON', new UnexpectedErrorResponseBodyError(400, ['x']), 'later'],
    ['connection refused', errno('ECONNREFUSED'), 'later'],
    ['an unknown host', errno('ENOTFOUND'), 'later'],
    ['a bad certificate', errno('DEPTH_ZERO_SELF_SIGNED_CERT'), 'later'],
    ['a broken connection', errno('ECONNRESET'), 'later/lost'],
    ['something never heard of', new Error('boom'), 'later/lost'],
    [
      'an error code in an odd body',
      new UnexpectedErrorResponseBodyError(400, {
        error: 'invalid_client',
        error_description: null,
      }),
      'operator',
    ],
    ['an OAuth error', new OAuth2RequestError('invalid_client', null, null, null), 'operator'],
  ])('%s', (_, error, expected) => {
    expect(verdict(judge(readTokenError(error), 'refresh'))).toBe(expected)
  })

  test('a 200 without tokens is lost: Forgejo may have counted it', () => {
    const bodies: Record<string, unknown>[] = [{}, { access_token: 7 }, { access_token: 'a' }]
    for (const body of [...bodies, { access_token: 'a\nb', refresh_token: 'r' }])
      expect(verdict(judge({ kind: 'object', body }, 'code'))).toBe('later/lost')
  })
})

test('what Forgejo says is kept short, on one line, and without what was sent', () => {
  const token = jwt({ gnt: 1 })
  const { detail } = judge(
    refused('invalid_grant', `bad\n s3cret-value ${token} ${'x'.repeat(500)}`),
    'refresh',
  )
  expect(detail).toStartWith('invalid_grant: bad [redacted] [redacted] xxx')
  expect(detail.length).toBeLessThanOrEqual(200)
})

describe('a pair', () => {
  const read = (body: Record<string, unknown>, more: Partial<TokenRequest> = {}): TokenPair => {
    const answer: TokenAnswer = { kind: 'object', body: { access_token: 'a', ...body } }
    const result = readTokenAnswer(answer, { ...request('refresh'), ...more }, NOW)
    if (!result.ok) throw new Error(result.error.detail)
    return result.value
  }
  const lifetime = (expires_in: unknown) => read({ refresh_token: 'r', expires_in }).lifetimeMs

  test.each([
    [3600, HOUR_MS],
    [5, 5 * SECOND_MS],
    [0.001, SECOND_MS],
    ['3600', HOUR_MS],
    [30 * 86_400, 30 * DAY_MS],
    [1e300, 365 * DAY_MS],
    [undefined, HOUR_MS],
    [null, HOUR_MS],
    [0, HOUR_MS],
    [-5, HOUR_MS],
    ['soon', HOUR_MS],
    [Number.NaN, HOUR_MS],
  ])('expires_in %p makes sense', (expiresIn, expected) => {
    expect(lifetime(expiresIn)).toBe(expected)
  })

  test('says who it belongs to by the claims of its refresh token, whatever the clock they were made by', () => {
    const iat = NOW / 1000 - 600
    const refresh_token = jwt({ gnt: 7, tt: 1, cnt: 12, exp: iat + 3600, iat })
    expect(read({ refresh_token, expires_in: 60 })).toEqual({
      accessToken: 'a',
      refreshToken: refresh_token,
      lifetimeMs: 60_000,
      refreshLifetimeMs: HOUR_MS,
      receivedAt: NOW,
      gnt: '7',
      cnt: 12,
    })
  })

  test.each([
    'opaque',
    'a.b.c',
    'a.e30.c',
    `x.${btoa('null')}.y`,
    `x.${btoa('{"cnt":"9","gnt":{}}')}.y`,
  ])('a refresh token like %p tells nothing of itself', (refresh_token) => {
    const pair = read({ refresh_token, expires_in: 60 })
    expect([pair.gnt, pair.cnt, pair.refreshLifetimeMs]).toEqual([
      undefined,
      undefined,
      730 * HOUR_MS,
    ])
  })

  test('without expires_in the access token tells its own life', () => {
    const accessToken = jwt({ exp: 1_000, iat: 400 })
    expect(read({ access_token: accessToken, refresh_token: 'r' }).lifetimeMs).toBe(600_000)
  })

  test('keeps the old refresh token when no new one comes', () => {
    expect(read({}, { refreshToken: 'old' }).refreshToken).toBe('old')
  })
})
