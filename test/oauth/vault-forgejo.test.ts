import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { createUpstream, TOKEN_WAIT_MS, type Upstream } from '../../src/forgejo/upstream.ts'
import { createBrowser, loginAtForgejo } from '../fixtures/browser.ts'
import { callApi } from '../fixtures/forgejo/driver.ts'
import { type FakeForgejo, startForgejo } from '../fixtures/forgejo/server.ts'
import { createVaultKit, type VaultKit } from './vault-kit.ts'

const PUBLIC_URL = 'http://127.0.0.1:1'

let forgejo: FakeForgejo
let upstream: Upstream
let kit: VaultKit

const start = async (options: Parameters<typeof startForgejo>[0] = {}) => {
  const redirectUris = [`${PUBLIC_URL}/oauth/callback`]
  forgejo = await startForgejo({ redirectUris, now: () => kit.clock.now(), ...options })
  kit = createVaultKit({
    upstream: (clock) => {
      upstream = createUpstream({
        clock,
        config: {
          publicUrl: PUBLIC_URL,
          forgejoUrl: forgejo.url,
          forgejoInternalUrl: forgejo.url,
          forgejoClientId: forgejo.app.clientId,
          forgejoClientSecret: forgejo.app.clientSecret,
          forgejoScopes: ['read:user', 'write:issue'],
        },
      })
      return upstream
    },
  })
}
beforeEach(() => start())
afterEach(async () => {
  kit.close()
  await forgejo.stop()
})

/** A login of a user in a browser of its own, as far as our callback. */
async function begin(user = 'alice') {
  const pending = kit.beginLogin()
  const verifier = 'v'.repeat(43)
  const url = upstream.authorizeUrl('state', verifier)
  const left = new URL(await loginAtForgejo(createBrowser(), url, { user }))
  return { ...pending, verifier, code: left.searchParams.get('code') ?? '' }
}

async function logIn(user = 'alice'): Promise<string> {
  const login = await kit.vault.login(await begin(user))
  if (!login.ok) throw new Error(login.error.reason)
  return login.value.accountId
}

/** Whether Forgejo's API takes the account's token: the login it belongs to. */
async function whoIs(id: string): Promise<unknown> {
  const response = await callApi(forgejo, '/user', kit.token(id))
  return response.status === 200
    ? ((await response.json()) as { login: string }).login
    : response.status
}

test('a second client of the same user keeps the first one working, through the next renewal', async () => {
  const id = await logIn()
  expect(await logIn()).toBe(id)
  expect(await whoIs(id)).toBe('alice')
  await kit.clock.advance(HOUR_MS)
  expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 3 })
  expect(await whoIs(id)).toBe('alice')
})

test('two users never get each other’s tokens, and a renamed one stays the same account', async () => {
  const alice = await logIn('alice')
  const bob = await logIn('bob')
  expect([await whoIs(alice), await whoIs(bob)]).toEqual(['alice', 'bob'])
  forgejo.control.change('alice', { login: 'alicia' })
  expect(await logIn('alicia')).toBe(alice)
  expect(await whoIs(alice)).toBe('alicia')
})

test('twenty requests at the token’s end are one refresh at Forgejo', async () => {
  const id = await logIn()
  await kit.clock.advance(HOUR_MS)
  const token = 'whatever they were told was stale'
  const all = await Promise.all(Array.from({ length: 20 }, () => kit.vault.renew(id, token)))
  expect(forgejo.counts.refreshes).toBe(1)
  expect(all.every((each) => each.kind === 'ready')).toBe(true)
  expect(await whoIs(id)).toBe('alice')
})

test('twenty logins and renewals mixed leave a vault that still renews', async () => {
  const id = await logIn()
  const logins = await Promise.all(Array.from({ length: 5 }, () => begin()))
  await Promise.all([
    ...logins.map((login) => kit.vault.login(login)),
    ...Array.from({ length: 15 }, () => kit.vault.renew(id)),
  ])
  expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready' })
  expect(await whoIs(id)).toBe('alice')
  expect(kit.told).not.toContain('died superseded')
})

test('an answer lost after the commit costs one repeat and one login', async () => {
  const id = await logIn()
  await kit.clock.advance(HOUR_MS)
  forgejo.control.fault('refresh', { kind: 'lost' }, 1)
  expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'lost' })
  await kit.vault.renew(id)
  expect(forgejo.counts.refreshes).toBe(2)
  await logIn()
  expect(await whoIs(id)).toBe('alice')
  expect(kit.told).toEqual(['died lost', 'healed'])
})

describe('what the user or the operator does at Forgejo', () => {
  test('taking the application away ends the credential at the next 401', async () => {
    const id = await logIn()
    const token = kit.token(id)
    forgejo.control.revoke('alice')
    expect(await kit.vault.rejected(id, token)).toEqual({ kind: 'dead', reason: 'revoked' })
    expect(kit.told).toEqual(['died revoked'])
    await logIn()
    expect(await whoIs(id)).toBe('alice')
  })

  test('a new signing key ends it too, as expired', async () => {
    const id = await logIn()
    forgejo.control.replaceSigningKey()
    expect(await kit.vault.rejected(id, kit.token(id))).toEqual({ kind: 'dead', reason: 'expired' })
  })

  test('a suspended user keeps the credential: Forgejo’s own 403 tells', async () => {
    const id = await logIn()
    forgejo.control.change('alice', { prohibited: true })
    expect(await kit.vault.rejected(id, kit.token(id))).toMatchObject({ kind: 'ready' })
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual(['renewed'])
  })

  test('a rotated secret harms nobody: the tokens wait for the right one', async () => {
    const id = await logIn()
    const secret = forgejo.app.clientSecret
    forgejo.control.rotateSecret()
    await kit.clock.advance(HOUR_MS)
    for (let at = 0; at < 3; at++) {
      expect(await kit.vault.renew(id)).toMatchObject({ kind: 'later', operator: true })
      await kit.clock.advance(MINUTE_MS)
    }
    expect(kit.audited('forgejo.refused')).toHaveLength(1)
    forgejo.app.clientSecret = secret
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready' })
  })

  test('an upgrade that begins to count asks for one login, and the vault counts along', async () => {
    kit.close()
    await forgejo.stop()
    await start({ profile: 'v8' })
    const id = await logIn()
    for (let at = 0; at < 3; at++)
      expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready' })
    forgejo.control.upgrade('v15.0.3')
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'superseded' })
    await logIn()
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 6 })
  })

  test('an older grant’s narrower scope is noticed at the login', async () => {
    forgejo.issueTokens('alice', 'read:user')
    expect(await kit.vault.login(await begin())).toMatchObject({
      value: { missingScopes: ['write:issue'] },
    })
  })
})

describe('clocks and lifetimes', () => {
  test.each([
    ['fast', 10 * MINUTE_MS],
    ['slow', -10 * MINUTE_MS],
  ])('a Forgejo whose clock is %s by ten minutes makes no difference', async (_, skew) => {
    forgejo.control.skew(skew)
    const id = await logIn()
    const left = HOUR_MS - 10 * SECOND_MS
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', expiresAt: kit.clock.now() + left })
    await kit.clock.advance(left - 1)
    expect(await whoIs(id)).toBe('alice')
    await kit.clock.advance(2)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
  })

  test.each([[5], [30 * 86_400], [null]])('expires_in %p is lived with', async (seconds) => {
    forgejo.control.sayExpiresIn(seconds)
    const id = await logIn()
    for (let at = 0; at < 20; at++) await kit.vault.renew(id, 'stale')
    expect(forgejo.counts.refreshes).toBe(0)
    expect(await whoIs(id)).toBe('alice')
  })
})

describe('a Forgejo that cannot be asked', () => {
  test('is tried again later, with the old token in use until its end', async () => {
    const id = await logIn()
    const token = kit.token(id)
    await forgejo.control.closePort()
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', token })
    await kit.clock.advance(HOUR_MS)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'later', operator: false })
    forgejo.control.openPort()
    await kit.clock.advance(MINUTE_MS)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
  })

  test('answers a login too late: its pair still reaches the account', async () => {
    const id = await logIn()
    const held = forgejo.control.hold('exchange')
    const login = await begin()
    const loggingIn = kit.vault.login(login)
    await held.arrived
    await kit.clock.advance(TOKEN_WAIT_MS)
    expect(await loggingIn).toMatchObject({ error: { kind: 'later' } })
    held.release()
    while (kit.vault.peek(id).kind === 'ready' && kit.told.length === 0) await Bun.sleep(1)
    expect(kit.told).toEqual(['renewed'])
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 3 })
  })

  test('hangs in a refresh: one late answer is kept, nothing was sent twice', async () => {
    const id = await logIn()
    await kit.clock.advance(HOUR_MS)
    const held = forgejo.control.hold('refresh')
    const renewing = kit.vault.renew(id)
    await held.arrived
    await kit.clock.advance(TOKEN_WAIT_MS)
    expect(await renewing).toMatchObject({ kind: 'later' })
    held.release()
    while (kit.vault.peek(id).kind !== 'ready') await Bun.sleep(1)
    expect(forgejo.counts.refreshes).toBe(1)
    expect(await whoIs(id)).toBe('alice')
  })
})
