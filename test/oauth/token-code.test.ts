import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { randomToken } from '../../src/crypto.ts'
import type { Client } from '../../src/oauth/clients.ts'
import { createKit, type FlowKit, ISSUER, refusal } from './flow-kit.ts'

let kit: FlowKit
let client: Client
let login: { code: string; verifier: string }

beforeEach(async () => {
  kit = createKit()
  client = kit.client()
  login = await kit.login(client)
})
afterEach(() => kit.close())

/** The family of the login that came last. */
const familyOf = () =>
  kit.store.audit.list({ event: 'login.completed', limit: 1 })[0]?.familyId ?? ''

const redeem = (changes: Record<string, string> = {}) => kit.redeem(client, login, changes)

test('a code becomes tokens, with their life and scope said', async () => {
  expect(await redeem()).toEqual({
    access_token: expect.stringMatching(/^fjat_[\w-]{43}$/),
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: expect.stringMatching(/^fjrt_[\w-]{43}$/),
    scope: 'read:user write:repository write:issue',
  })
})

describe('invalid_grant, and the code stays good for its owner', () => {
  test.each([
    ['another code', { code: `fjco_${'a'.repeat(43)}` }],
    ['another verifier', { code_verifier: 'w'.repeat(43) }],
    ['the challenge for a verifier', { code_verifier: 'short' }],
    ['another redirect_uri', { redirect_uri: 'https://app.example/callback2' }],
  ])('%s', async (_name, changes) => {
    expect(await refusal(redeem(changes))).toBe('invalid_grant')
    await redeem()
  })

  test('another client', async () => {
    const other = kit.client('Other')
    expect(await refusal(redeem({ client_id: other.id }))).toBe('invalid_grant')
    await redeem()
  })
})

test.each(['code', 'code_verifier', 'redirect_uri', 'client_id', 'grant_type'])(
  '%s must be there',
  async (name) => {
    expect(await refusal(redeem({ [name]: '' }))).toBe('invalid_request')
    await redeem()
  },
)

test('a code lives 60 seconds', async () => {
  await kit.clock.advance(MINUTE_MS)
  expect(await refusal(redeem())).toBe('invalid_grant')
})

test('a code that is used twice ends the family that it opened', async () => {
  const tokens = await redeem()
  expect(await refusal(redeem())).toBe('invalid_grant')
  expect(kit.verifier.verify(tokens.access_token)).toEqual({ ok: false, error: 'revoked' })
  expect(await refusal(kit.refresh(client, tokens.refresh_token))).toBe('invalid_grant')
  expect(kit.ended).toHaveLength(1)
  expect(kit.audited('code.reused')).toHaveLength(1)
})

test('a used code is written down once, however often it comes', async () => {
  await redeem()
  for (let count = 0; count < 3; count += 1) expect(await refusal(redeem())).toBe('invalid_grant')
  expect(kit.audited('code.reused')).toHaveLength(1)
  expect(kit.audited('family.revoked')).toHaveLength(1)
})

test.each([
  ['was disconnected', () => kit.revocation.revokeFamily(familyOf(), 'disconnected')],
  ['is over at Forgejo', () => kit.revocation.endAccount('account_1', 'revoked at Forgejo')],
])('a used code that comes when its login %s is written down too, once', async (_why, end) => {
  await redeem()
  end()
  for (let count = 0; count < 3; count += 1) expect(await refusal(redeem())).toBe('invalid_grant')
  expect(kit.audited('code.reused')).toHaveLength(1)
  expect(kit.ended).toHaveLength(1)
})

test('each used code is written down for its own login', async () => {
  for (let count = 0; count < 2; count += 1) {
    login = await kit.login(client)
    await redeem()
    expect(await refusal(redeem())).toBe('invalid_grant')
  }
  expect(kit.audited('code.reused')).toHaveLength(2)
})

test('a used code is still known after it expired', async () => {
  const tokens = await redeem()
  await kit.clock.advance(10 * MINUTE_MS)
  expect(await refusal(redeem({ code_verifier: randomToken() }))).toBe('invalid_grant')
  expect(kit.verifier.verify(tokens.access_token)).toEqual({ ok: false, error: 'revoked' })
})

test('two exchanges at once give tokens once, and those are revoked', async () => {
  const both = await Promise.all([refusal(redeem()), refusal(redeem())])
  expect(both.sort()).toEqual(['invalid_grant', 'not refused'])
})

test('a resource must be ours', async () => {
  expect(await refusal(redeem({ resource: 'https://other.example/mcp' }))).toBe('invalid_target')
  await redeem({ resource: `${ISSUER}/mcp/` })
})

test('a user who is no longer let in gets no tokens', async () => {
  kit.config.allowedUsers.push('bob')
  expect(await refusal(redeem())).toBe('invalid_grant')
  kit.config.allowedUsers.length = 0
  await redeem()
})

describe('the token endpoint itself', () => {
  test('an unknown or revoked client is invalid_client, whatever else is wrong', async () => {
    expect(await refusal(redeem({ client_id: 'client_dead' }))).toBe('invalid_client')
    kit.revocation.revokeClient(client.id, 'test')
    expect(await refusal(redeem())).toBe('invalid_client')
  })

  test('other grant types are not supported', async () => {
    expect(await refusal(redeem({ grant_type: 'password' }))).toBe('unsupported_grant_type')
  })

  test('no parameter may come twice, but for resource', async () => {
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: client.id,
      code: login.code,
      code_verifier: login.verifier,
      redirect_uri: client.redirectUris[0] ?? '',
    })
    form.append('resource', kit.policy.resource)
    form.append('resource', kit.policy.resource)
    const twice = new URLSearchParams(form)
    twice.append('code', login.code)
    expect(await refusal(kit.tokens.exchange(twice))).toBe('invalid_request')
    await kit.tokens.exchange(form)
  })
})
