import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { OAuthError } from '../../src/errors.ts'
import type { Client } from '../../src/oauth/clients.ts'
import type { TokenResponse } from '../../src/oauth/mint.ts'
import { createKit, type FlowKit, refusal } from './flow-kit.ts'

let kit: FlowKit
let client: Client
let phone: TokenResponse
let laptop: TokenResponse

beforeEach(async () => {
  kit = createKit()
  client = kit.client()
  phone = await kit.connect(client)
  laptop = await kit.connect(client)
})
afterEach(() => kit.close())

const works = (tokens: TokenResponse) => kit.verifier.verify(tokens.access_token).ok
const caller = (tokens: TokenResponse) => {
  const found = kit.verifier.verify(tokens.access_token)
  if (!found.ok) throw new Error(found.error)
  return found.value
}
const revoke = (fields: Record<string, string>) => {
  try {
    kit.tokens.revoke(new URLSearchParams(fields))
    return 'done'
  } catch (error) {
    if (error instanceof OAuthError) return error.code
    throw error
  }
}

describe('the revocation endpoint', () => {
  test.each(['access_token', 'refresh_token'] as const)(
    'ends the family of an %s, and tells of it once',
    async (kind) => {
      const { familyId } = caller(phone)
      const form = { token: phone[kind], client_id: client.id }
      expect([revoke(form), revoke(form)]).toEqual(['done', 'done'])
      expect(works(phone)).toBe(false)
      expect(await refusal(kit.refresh(client, phone.refresh_token))).toBe('invalid_grant')
      expect(kit.ended).toEqual([{ familyId, reason: 'revoked by the client' }])
      expect(works(laptop)).toBe(true)
    },
  )

  test('takes a superseded refresh token, any hint, and no client_id', async () => {
    await kit.refresh(client, phone.refresh_token)
    expect(revoke({ token: phone.refresh_token, token_type_hint: 'saml' })).toBe('done')
    expect(works(phone)).toBe(false)
  })

  test('has nothing to say about a token that is not known', () => {
    expect(revoke({ token: 'fjat_nothing', client_id: client.id })).toBe('done')
    expect(kit.ended).toEqual([])
  })

  test('refuses a form without a token, with two, and from a client that is not known', () => {
    expect(revoke({ client_id: client.id })).toBe('invalid_request')
    const twice = new URLSearchParams({ token: 'a' })
    twice.append('token', 'b')
    expect(() => kit.tokens.revoke(twice)).toThrow(OAuthError)
    expect(revoke({ token: phone.access_token, client_id: 'client_dead' })).toBe('invalid_client')
    expect(works(phone)).toBe(true)
  })

  test("refuses another client's token", () => {
    const other = kit.client('Other')
    expect(revoke({ token: phone.access_token, client_id: other.id })).toBe('unauthorized_client')
    expect(works(phone)).toBe(true)
  })
})

test('revoking a grant ends every login under it', () => {
  const { grantId } = caller(phone)
  expect(kit.revocation.revokeGrant(grantId, 'by its user')).toBe(true)
  expect(kit.revocation.revokeGrant(grantId, 'by its user')).toBe(false)
  expect([works(phone), works(laptop)]).toEqual([false, false])
  expect(kit.ended).toHaveLength(2)
  expect(kit.audited('grant.revoked')).toEqual(['by its user'])
})

test('revoking a client ends its grants and nobody else', async () => {
  const other = kit.client('Other')
  const kept = await kit.connect(other)
  expect(kit.revocation.revokeClient(client.id, 'by the operator')).toBe(true)
  expect([works(phone), works(laptop), works(kept)]).toEqual([false, false, true])
  expect(kit.ended).toHaveLength(2)
  expect(kit.revocation.revokeClient('client_dead', 'by the operator')).toBe(false)
})

test("ending an account ends its logins under every client, and no other account's", async () => {
  const other = kit.client('Other')
  const elsewhere = await kit.connect(other)
  kit.forgejo.user = { sub: '2', login: 'bob' }
  const bobs = await kit.connect(client)
  kit.revocation.endAccount(caller(phone).accountId, 'revoked at Forgejo')
  expect([phone, laptop, elsewhere, bobs].map(works)).toEqual([false, false, false, true])
  expect(kit.ended).toHaveLength(3)
})

test.each([
  ['family', 'familyId'],
  ['grant', 'grantId'],
  ['client', 'clientId'],
] as const)('a %s that another process revokes is no good at once', async (name, key) => {
  const statement = `UPDATE ${name === 'family' ? 'familie' : name}s SET revoked_at = ? WHERE id = ? RETURNING 1`
  expect(kit.sql(statement, kit.clock.now(), caller(phone)[key])).toHaveLength(1)
  expect(kit.verifier.verify(phone.access_token)).toEqual({ ok: false, error: 'revoked' })
  const refused = await refusal(kit.refresh(client, phone.refresh_token))
  expect(refused).toBe(name === 'client' ? 'invalid_client' : 'invalid_grant')
})
