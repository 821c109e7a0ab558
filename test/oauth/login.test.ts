import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { randomToken, s256 } from '../../src/crypto.ts'
import type { Client } from '../../src/oauth/clients.ts'
import type { LoginFailure } from '../../src/oauth/credential.ts'
import { createKit, type FlowKit, ISSUER, locationOf, pageOf } from './flow-kit.ts'

let kit: FlowKit
let client: Client

beforeEach(() => {
  kit = createKit()
  client = kit.client()
})
afterEach(() => kit.close())

const minted = () => kit.sql('SELECT 1 FROM codes UNION ALL SELECT 1 FROM families').length
const scopesOf = (table: 'families' | 'grants') =>
  kit
    .sql<{ scopes: string }>(`SELECT scopes FROM ${table} ORDER BY created_at, rowid`)
    .map(({ scopes }) => JSON.parse(scopes) as string[])

test('the client gets a code, its own state and our issuer', async () => {
  const way = await kit.toForgejo(client)
  const location = locationOf(await kit.comeBack(way, { code: 'gta_code' }))
  expect(location.origin + location.pathname).toBe('https://app.example/callback')
  expect(location.searchParams.get('code')).toMatch(/^fjco_[\w-]{43}$/)
  expect(location.searchParams.get('state')).toBe(way.state)
  expect(location.searchParams.get('iss')).toBe(ISSUER)
  expect([...location.searchParams.keys()].sort()).toEqual(['code', 'iss', 'state'])
  expect(kit.audited('login.completed')).toHaveLength(1)
})

test('Forgejo is asked with a proof key of our own', async () => {
  const way = await kit.toForgejo(client)
  await kit.comeBack(way)
  expect(kit.forgejo.exchanged[0]?.verifier).toMatch(/^[\w-]{43}$/)
  expect(kit.forgejo.exchanged[0]?.verifier).not.toBe(way.verifier)
  expect(s256(way.verifier)).not.toBe(s256(kit.forgejo.exchanged[0]?.verifier ?? ''))
})

describe('the browser that consented is the browser that comes back', () => {
  test('an attacker who consents himself and sends a victim on gets nothing, and the victim a page', async () => {
    const attackers = await kit.toForgejo(client)
    const victim = await kit.toForgejo(client)
    const page = pageOf(await kit.comeBack(attackers, { code: 'gta_victims' }, victim.browser))
    expect(page.status).toBe(403)
    expect(page.title).toContain('another browser')
    expect(kit.forgejo.exchanged).toHaveLength(0)
    expect(minted()).toBe(0)
    expect(kit.audited('login.failed')).toEqual([
      'the callback came from another browser than the consent',
    ])
  })

  test.each([undefined, '', 'short'])('no cookie is another browser (%p)', async (cookie) => {
    const way = await kit.toForgejo(client)
    const query = new URLSearchParams({ code: 'gta_code', state: way.upstreamState })
    expect(pageOf(await kit.authorization.callback(query, cookie)).status).toBe(403)
    expect(kit.forgejo.exchanged).toHaveLength(0)
  })

  test('a stranger in between does not spoil it for the right browser', async () => {
    const way = await kit.toForgejo(client)
    pageOf(await kit.comeBack(way, { code: 'gta_code' }, randomToken()))
    locationOf(await kit.comeBack(way))
  })
})

describe('a state is good once, for half an hour', () => {
  test('a second callback is a page, and exchanges nothing', async () => {
    const way = await kit.toForgejo(client)
    locationOf(await kit.comeBack(way))
    expect(pageOf(await kit.comeBack(way)).status).toBe(400)
    expect(kit.forgejo.exchanged).toHaveLength(1)
  })

  test('two callbacks at once exchange one code', async () => {
    const way = await kit.toForgejo(client)
    const both = await Promise.all([kit.comeBack(way), kit.comeBack(way)])
    expect(both.map(({ kind }) => kind).sort()).toEqual(['page', 'redirect'])
    expect(kit.forgejo.exchanged).toHaveLength(1)
  })

  test('an expired state is a page', async () => {
    const way = await kit.toForgejo(client)
    await kit.clock.advance(30 * MINUTE_MS)
    pageOf(await kit.comeBack(way))
    expect(kit.forgejo.exchanged).toHaveLength(0)
  })

  test('an unknown or missing state is a page, and so is the ticket of a consent page', async () => {
    const way = await kit.toForgejo(client)
    for (const state of [randomToken(), '', way.ticket]) {
      const query = new URLSearchParams({ code: 'gta_code', state })
      pageOf(await kit.authorization.callback(query, way.browser))
    }
    expect(kit.forgejo.exchanged).toHaveLength(0)
  })

  test('a callback with two codes is a page', async () => {
    const way = await kit.toForgejo(client)
    const query = new URLSearchParams({ code: 'gta_a', state: way.upstreamState })
    query.append('code', 'gta_b')
    pageOf(await kit.authorization.callback(query, way.browser))
    expect(kit.forgejo.exchanged).toHaveLength(0)
  })

  test('a callback with neither code nor error is a page', async () => {
    pageOf(await kit.comeBack(await kit.toForgejo(client), {}))
  })
})

describe('what Forgejo says instead of a code', () => {
  const answer = async (fields: Record<string, string>) =>
    kit.comeBack(await kit.toForgejo(client), fields)

  test('a no of its user goes back to the client', async () => {
    const way = await kit.toForgejo(client)
    const location = locationOf(
      await kit.comeBack(way, {
        error: 'access_denied',
        error_description: 'the request is denied',
      }),
    )
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      error: 'access_denied',
      state: way.state,
      iss: ISSUER,
    })
    expect(kit.audited('login.denied')).toEqual(['at Forgejo'])
  })

  test('an old grant of another scope is a page that links to where it can be revoked', async () => {
    const page = pageOf(
      await answer({
        error: 'server_error',
        error_description: 'a grant exists with different scope',
      }),
    )
    expect(page.link?.href).toBe('https://forge.example/user/settings/applications')
    expect(kit.audited('login.failed')).toHaveLength(1)
  })

  test.each([
    ['invalid_request', 'server_error'],
    ['server_error', 'server_error'],
    ['temporarily_unavailable', 'temporarily_unavailable'],
    ['<script>', 'server_error'],
  ])('%s reaches the client as %s', async (error, told) => {
    const location = locationOf(await answer({ error, error_description: 'secret words' }))
    expect(location.searchParams.get('error')).toBe(told)
    expect(location.href).not.toContain('secret')
  })
})

describe('a login that does not come through', () => {
  const cases: [LoginFailure, string][] = [
    [{ kind: 'again', reason: 'the code was refused' }, 'access_denied'],
    [{ kind: 'later', reason: 'Forgejo answered 502' }, 'temporarily_unavailable'],
    [{ kind: 'operator', reason: 'the client secret is wrong' }, 'server_error'],
  ]
  test.each(cases)('%j reaches the client as %s', async (failure, told) => {
    kit.forgejo.failure = failure
    const location = locationOf(await kit.comeBack(await kit.toForgejo(client)))
    expect(location.searchParams.get('error')).toBe(told)
    expect(location.searchParams.get('iss')).toBe(ISSUER)
    expect(location.href).not.toContain('secret')
    expect(kit.audited('login.failed')).toEqual([failure.reason])
    expect(minted()).toBe(0)
  })

  test('a suspended user, or one who must change the password, is sent to Forgejo by a page', async () => {
    kit.forgejo.failure = { kind: 'account', reason: 'userinfo answered a page' }
    const page = pageOf(await kit.comeBack(await kit.toForgejo(client)))
    expect(page.link?.href).toBe('https://forge.example')
    expect(minted()).toBe(0)
  })

  test('scopes that Forgejo did not grant are named on a page that links to where it can be revoked', async () => {
    kit.forgejo.missingScopes = ['write:issue']
    const page = pageOf(await kit.comeBack(await kit.toForgejo(client)))
    expect(page.text).toContain('write:issue')
    expect(page.link?.href).toBe('https://forge.example/user/settings/applications')
    expect(minted()).toBe(0)
  })

  test('a user who is not on the list is told so, with a way back for the client', async () => {
    kit.forgejo.failure = { kind: 'not-allowed', login: 'alice', reason: 'not on the list' }
    const way = await kit.toForgejo(client)
    const page = pageOf(await kit.comeBack(way))
    expect(page).toMatchObject({ status: 403, title: 'alice may not use this server' })
    const back = new URL(page.link?.href ?? '')
    expect(back.searchParams.get('error')).toBe('access_denied')
    expect(back.searchParams.get('state')).toBe(way.state)
    expect(minted()).toBe(0)
  })

  test('a client that was revoked meanwhile gets nothing, and Forgejo is not asked', async () => {
    const way = await kit.toForgejo(client)
    kit.revocation.revokeClient(client.id, 'test')
    expect(pageOf(await kit.comeBack(way)).status).toBe(403)
    expect(kit.forgejo.exchanged).toHaveLength(0)
  })
})

describe('grants and families', () => {
  test('two logins of one user and client share the grant, each with a family of its own', async () => {
    await kit.login(client, { scope: 'read:user' })
    await kit.login(client, { scope: 'write:issue' })
    expect(scopesOf('grants')).toHaveLength(1)
    expect(scopesOf('families')).toEqual([['read:user'], ['write:issue']])
  })

  test('a second login touches no token of the first and widens none', async () => {
    const first = await kit.connect(client, { scope: 'read:user' })
    await kit.connect(client)
    const caller = kit.verifier.verify(first.access_token)
    expect(caller.ok && caller.value.scopes).toEqual(['read:user'])
    expect((await kit.refresh(client, first.refresh_token)).scope).toBe('read:user')
    expect(kit.ended).toEqual([])
  })

  test('another user of the same client has a grant of his own', async () => {
    const alice = await kit.connect(client)
    kit.forgejo.user = { sub: '2', login: 'bob' }
    const bob = await kit.connect(client)
    const names = [alice, bob].map(({ access_token }) => {
      const caller = kit.verifier.verify(access_token)
      return caller.ok && caller.value.login
    })
    expect(names).toEqual(['alice', 'bob'])
    expect(scopesOf('grants')).toHaveLength(2)
  })

  test('when consent goes beyond the cap, the cap grows and the earlier families do not', async () => {
    const first = await kit.connect(client, { scope: 'read:user write:issue' })
    const caller = kit.verifier.verify(first.access_token)
    const grantId = caller.ok ? caller.value.grantId : ''
    kit.store.grants.setScopes(kit.clock.now(), grantId, ['read:user'])

    const second = await kit.connect(client, { scope: 'read:user write:issue' })
    const now = [first, second].map(({ access_token }) => {
      const found = kit.verifier.verify(access_token)
      return found.ok && found.value.scopes
    })
    expect(now).toEqual([['read:user'], ['read:issue', 'read:user', 'write:issue']])
  })

  test('after a revocation a new login makes a new grant', async () => {
    const first = await kit.connect(client)
    const caller = kit.verifier.verify(first.access_token)
    kit.revocation.revokeGrant(caller.ok ? caller.value.grantId : '', 'test')
    const second = await kit.connect(client)
    expect(kit.verifier.verify(first.access_token)).toEqual({ ok: false, error: 'revoked' })
    expect(kit.verifier.verify(second.access_token).ok).toBe(true)
  })
})
