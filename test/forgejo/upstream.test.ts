import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, SECOND_MS } from '../../src/clock.ts'
import type { TokenPair, UpstreamFailure } from '../../src/forgejo/outcome.ts'
import {
  ASK_WAIT_MS,
  createUpstream,
  TOKEN_WAIT_MS,
  type Upstream,
  type UpstreamDeps,
} from '../../src/forgejo/upstream.ts'
import type { Result } from '../../src/result.ts'
import { createBrowser, loginAtForgejo } from '../fixtures/browser.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'
import { type FakeForgejo, startForgejo } from '../fixtures/forgejo/server.ts'

const PUBLIC_URL = 'http://127.0.0.1:1'
const VERIFIER = 'v'.repeat(43)

let forgejo: FakeForgejo
let clock: ManualClock
let upstream: Upstream

const connect = (changes: Partial<UpstreamDeps['config']> = {}) =>
  createUpstream({
    clock,
    config: {
      publicUrl: PUBLIC_URL,
      forgejoUrl: forgejo.url,
      forgejoInternalUrl: forgejo.url,
      forgejoClientId: forgejo.app.clientId,
      forgejoClientSecret: forgejo.app.clientSecret,
      forgejoScopes: ['read:user', 'write:issue'],
      ...changes,
    },
  })

const start = async (options: Parameters<typeof startForgejo>[0] = {}) => {
  clock = manualClock()
  const redirectUris = [`${PUBLIC_URL}/oauth/callback`]
  forgejo = await startForgejo({ redirectUris, now: () => clock.now(), ...options })
  upstream = connect()
}
beforeEach(() => start())
afterEach(() => forgejo.stop())

/** The code that alice's browser brings back. */
async function codeOf(): Promise<string> {
  const url = upstream.authorizeUrl('the-state', VERIFIER)
  const left = new URL(await loginAtForgejo(createBrowser(), url, { user: 'alice' }))
  expect(left.searchParams.get('state')).toBe('the-state')
  return left.searchParams.get('code') ?? ''
}

function given<T>(result: Result<T, UpstreamFailure>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

const pairOf = async (): Promise<TokenPair> =>
  given(await upstream.exchange(await codeOf(), VERIFIER))

const never = () => {
  throw new Error('nothing comes late')
}
const refresh = (pair: TokenPair) => upstream.refresh(pair.refreshToken, never)

test('a login at Forgejo gives a pair, its user and its scopes', async () => {
  const pair = await pairOf()
  expect(pair).toMatchObject({
    lifetimeMs: HOUR_MS,
    refreshLifetimeMs: 730 * HOUR_MS,
    receivedAt: clock.now(),
    gnt: '1',
    cnt: 1,
  })
  expect(given(await upstream.userinfo(pair.accessToken))).toEqual({
    sub: '1',
    login: 'alice',
    name: 'Alice Example',
  })
  expect(given(await upstream.introspect(pair.accessToken))).toEqual({
    scopes: ['read:user', 'write:issue'],
  })
  expect(given(await upstream.version(pair.accessToken))).toStartWith('15.0.3')
  expect(given(await upstream.discovery())).toEqual({ issuer: forgejo.url })
  expect(given(await refresh(pair))).toMatchObject({ gnt: '1', cnt: 2 })
})

test('a Forgejo below a path works, behind an internal URL of its own', async () => {
  await forgejo.stop()
  await start({ subPath: '/git', rootUrl: 'https://forge.example/git' })
  const { forgejoUrl } = { forgejoUrl: 'https://forge.example/git' }
  const split = connect({ forgejoUrl })
  expect(split.authorizeUrl('s', VERIFIER)).toStartWith(`${forgejoUrl}/login/oauth/authorize?`)
  const pair = await pairOf()
  expect(given(await split.userinfo(pair.accessToken))).toMatchObject({ login: 'alice' })
  expect(given(await split.discovery())).toEqual({ issuer: forgejoUrl })
})

test('the browser is sent with PKCE, the registered redirect and the configured scopes', () => {
  const url = new URL(upstream.authorizeUrl('s', VERIFIER))
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: forgejo.app.clientId,
    redirect_uri: `${PUBLIC_URL}/oauth/callback`,
    scope: 'read:user write:issue',
    code_challenge_method: 'S256',
    state: 's',
  })
  expect(url.href).not.toContain(VERIFIER)
})

describe('what goes wrong at the real endpoints', () => {
  test('a code is good once, and only with its verifier', async () => {
    const code = await codeOf()
    const wrong = await upstream.exchange(code, 'w'.repeat(43))
    expect(wrong).toMatchObject({ error: { kind: 'again', reason: 'code' } })
    expect(await upstream.exchange(code, VERIFIER)).toMatchObject({ ok: true })
    expect(await upstream.exchange(code, VERIFIER)).toMatchObject({
      error: {
        kind: 'again',
        reason: 'code',
        detail: 'unauthorized_client: client is not authorized',
      },
    })
  })

  test('a refresh token is good once; expired, unreadable or revoked it is told apart', async () => {
    const first = await pairOf()
    const second = given(await refresh(first))
    expect(await refresh(first)).toMatchObject({ error: { kind: 'again', reason: 'superseded' } })
    forgejo.control.advance(731 * HOUR_MS)
    expect(await refresh(second)).toMatchObject({ error: { kind: 'again', reason: 'expired' } })
    forgejo.control.skew(0)
    forgejo.control.replaceSigningKey()
    expect(await refresh(second)).toMatchObject({ error: { kind: 'again', reason: 'expired' } })
    const third = await pairOf()
    forgejo.control.revoke('alice')
    expect(await refresh(third)).toMatchObject({ error: { kind: 'again', reason: 'revoked' } })
    expect(await upstream.userinfo(third.accessToken)).toMatchObject({ error: { kind: 'again' } })
    expect(await upstream.introspect(third.accessToken)).toMatchObject({ error: { kind: 'again' } })
    expect(await upstream.version(third.accessToken)).toMatchObject({ error: { kind: 'again' } })
  })

  test('a rotated secret, a missing redirect and a deleted application are the operator’s', async () => {
    const pair = await pairOf()
    const code = await codeOf()
    forgejo.control.rotateSecret()
    for (const result of [
      await refresh(pair),
      await upstream.exchange(code, VERIFIER),
      await upstream.introspect(pair.accessToken),
    ])
      expect(result).toMatchObject({ error: { kind: 'operator' } })
    upstream = connect()
    forgejo.app.redirectUris.length = 0
    expect(await upstream.exchange(code, VERIFIER)).toMatchObject({ error: { kind: 'operator' } })
    forgejo.control.deleteApp()
    expect(await refresh(pair)).toMatchObject({ error: { kind: 'operator' } })
  })

  test('a suspended user, and one whose password must be changed, still refresh; userinfo tells', async () => {
    for (const change of [{ prohibited: true }, { prohibited: false, mustChangePassword: true }]) {
      const pair = await pairOf()
      forgejo.control.change('alice', change)
      expect(await refresh(pair)).toMatchObject({ ok: true })
      expect(await upstream.userinfo(pair.accessToken)).toMatchObject({
        error: { kind: 'account' },
      })
      forgejo.control.change('alice', { prohibited: false, mustChangePassword: false })
    }
  })

  test('proxies, walls and broken answers are for later; no answer after the commit is lost', async () => {
    const pair = await pairOf()
    const { control } = forgejo
    for (const status of [429, 500, 502, 503, 504]) {
      control.outage(status, 'refresh', 1)
      const { error } = (await refresh(pair)) as { error: UpstreamFailure }
      expect(error).toMatchObject({ kind: 'later', detail: expect.stringContaining(`${status}`) })
      expect(error).not.toHaveProperty('outcome')
    }
    control.botWall('refresh', 1)
    expect(await refresh(pair)).toMatchObject({ error: { kind: 'later' } })
    control.fault('refresh', { kind: 'lost', worked: false }, 1)
    expect(await refresh(pair)).toMatchObject({ error: { kind: 'later', outcome: 'lost' } })
    let token = pair
    for (const kind of ['empty', 'truncated', 'cut', 'lost'] as const) {
      control.fault('refresh', { kind }, 1)
      expect(await refresh(token)).toMatchObject({ error: { kind: 'later', outcome: 'lost' } })
      expect(await refresh(token)).toMatchObject({ error: { reason: 'superseded' } })
      token = await pairOf()
    }
    control.outage(503, 'userinfo', 1, { 'Retry-After': '7' })
    expect(await upstream.userinfo(token.accessToken)).toMatchObject({
      error: { kind: 'later', retryAfterMs: 7_000 },
    })
    control.fault('userinfo', { kind: 'redirect', location: 'https://elsewhere.example/' }, 1)
    expect(await upstream.userinfo(token.accessToken)).toMatchObject({
      error: { kind: 'operator' },
    })
  })

  test('a closed port is for later, and nothing was sent', async () => {
    const pair = await pairOf()
    await forgejo.control.closePort()
    const { error } = (await refresh(pair)) as { error: UpstreamFailure }
    expect(error).toEqual({ kind: 'later', detail: 'Forgejo cannot be reached (ECONNREFUSED)' })
    expect(await upstream.discovery()).toMatchObject({ error: { kind: 'later' } })
    forgejo.control.openPort()
    expect(await refresh(pair)).toMatchObject({ ok: true })
  })

  test('no detail repeats a token, a code or the secret', async () => {
    const pair = await pairOf()
    const { clientSecret } = forgejo.app
    forgejo.control.upgrade('v16')
    forgejo.control.revoke('alice')
    const body = JSON.stringify({
      error: 'invalid_grant',
      error_description: `${pair.refreshToken} ${clientSecret} ${pair.accessToken}`,
    })
    const headers = { 'Content-Type': 'application/json' }
    forgejo.control.fault('refresh', { kind: 'answer', status: 400, body, headers }, 1)
    const said = JSON.stringify([
      await refresh(pair),
      await upstream.version(pair.accessToken),
      await upstream.userinfo(pair.accessToken),
      await upstream.exchange('gta_acode', VERIFIER),
    ])
    for (const secret of [pair.refreshToken, pair.accessToken, clientSecret, 'gta_acode', VERIFIER])
      expect(said).not.toContain(secret)
  })
})

describe('no answer', () => {
  /** Waits until Forgejo has the request, then lets the bound pass. */
  const outwait = async (arrived: Promise<void>, ms: number) => {
    await arrived
    await clock.advance(ms)
  }

  test('to a refresh within 15 s is reported pending, and the late pair still arrives', async () => {
    const pair = await pairOf()
    const held = forgejo.control.hold('refresh')
    const late = Promise.withResolvers<Result<TokenPair, UpstreamFailure>>()
    const refreshing = upstream.refresh(pair.refreshToken, late.resolve)
    await outwait(held.arrived, TOKEN_WAIT_MS)
    expect(await refreshing).toMatchObject({ error: { kind: 'later', outcome: 'pending' } })
    held.release()
    expect(given(await late.promise)).toMatchObject({ gnt: '1', cnt: 2 })
  })

  test('to an exchange within 15 s likewise', async () => {
    const code = await codeOf()
    const held = forgejo.control.hold('exchange')
    const late = Promise.withResolvers<Result<TokenPair, UpstreamFailure>>()
    const exchanging = upstream.exchange(code, VERIFIER, late.resolve)
    await outwait(held.arrived, TOKEN_WAIT_MS)
    expect(await exchanging).toMatchObject({ error: { kind: 'later', outcome: 'pending' } })
    held.release()
    expect(given(await late.promise)).toMatchObject({ gnt: '1', cnt: 1 })
  })

  test('to a question within 10 s ends it', async () => {
    const held = forgejo.control.hold('discovery')
    const asking = upstream.discovery()
    await outwait(held.arrived, ASK_WAIT_MS)
    expect(await asking).toEqual({
      ok: false,
      error: {
        kind: 'later',
        detail: `Forgejo did not answer within ${ASK_WAIT_MS / SECOND_MS} s`,
      },
    })
    held.release()
  })

  test('that ends half-way is bounded as well', async () => {
    const pair = await pairOf()
    forgejo.control.fault('userinfo', { kind: 'stall' }, 1)
    const asking = upstream.userinfo(pair.accessToken)
    while (forgejo.counts.userinfo === 0) await Bun.sleep(1)
    await Bun.sleep(10)
    await clock.advance(ASK_WAIT_MS)
    expect(await asking).toMatchObject({ error: { kind: 'later' } })
  })
})
