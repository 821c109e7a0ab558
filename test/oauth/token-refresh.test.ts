import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/clock.ts'
import type { Client } from '../../src/oauth/clients.ts'
import type { TokenResponse } from '../../src/oauth/mint.ts'
import { createKit, type FlowKit, ISSUER, refusal } from './flow-kit.ts'

let kit: FlowKit
let client: Client
let first: TokenResponse

beforeEach(async () => {
  kit = createKit()
  client = kit.client()
  first = await kit.connect(client, { scope: 'read:user write:issue' })
})
afterEach(() => kit.close())

const refresh = (token: string, changes: Record<string, string> = {}) =>
  kit.refresh(client, token, changes)
const works = (tokens: TokenResponse) => kit.verifier.verify(tokens.access_token).ok

test('both tokens are new, the scopes those of the login', async () => {
  const next = await refresh(first.refresh_token)
  expect(next.access_token).not.toBe(first.access_token)
  expect(next.refresh_token).not.toBe(first.refresh_token)
  expect(next).toMatchObject({
    token_type: 'Bearer',
    expires_in: 3600,
    scope: 'read:user write:issue',
  })
  expect(works(next)).toBe(true)
})

test('the access token before it stays good until it expires', async () => {
  await refresh(first.refresh_token)
  expect(works(first)).toBe(true)
})

test('the life of a refresh token slides with each rotation', async () => {
  let token = first.refresh_token
  for (let month = 0; month < 3; month += 1) {
    await kit.clock.advance(30 * DAY_MS - 1)
    token = (await refresh(token)).refresh_token
  }
  await kit.clock.advance(30 * DAY_MS)
  expect(await refusal(refresh(token))).toBe('invalid_grant')
})

test('a scope on refresh changes nothing', async () => {
  const wider = await refresh(first.refresh_token, { scope: 'read:user write:repository' })
  expect(wider.scope).toBe('read:user write:issue')
})

test('the resource is inherited when it is left out, and must be ours when it is not', async () => {
  expect(await refusal(refresh(first.refresh_token, { resource: 'https://x.example/mcp' }))).toBe(
    'invalid_target',
  )
  const next = await refresh(first.refresh_token)
  await refresh(next.refresh_token, { resource: `${ISSUER}/mcp` })
  expect(kit.sql('SELECT DISTINCT resource FROM families')).toEqual([{ resource: `${ISSUER}/mcp` }])
})

test('another client cannot use the token, and spoils nothing', async () => {
  const other = kit.client('Other')
  expect(await refusal(kit.refresh(other, first.refresh_token))).toBe('invalid_grant')
  await refresh(first.refresh_token)
})

test.each(['', 'fjrt_unknown', 'x'])('%p is no refresh token', async (token) => {
  expect(await refusal(refresh(token))).toBe(token === '' ? 'invalid_request' : 'invalid_grant')
})

describe('a superseded token', () => {
  test('used from two addresses at once gets one and the same answer', async () => {
    const [one, other] = await Promise.all([
      refresh(first.refresh_token),
      refresh(first.refresh_token),
    ])
    expect(other).toEqual(one)
    expect(kit.sql('SELECT 1 FROM refresh_tokens')).toHaveLength(2)
  })

  test('is answered again within the grace, even when the successor is in use', async () => {
    const next = await refresh(first.refresh_token)
    expect(works(next)).toBe(true)
    await refresh(next.refresh_token)
    await kit.clock.advance(30 * SECOND_MS)
    const again = await refresh(first.refresh_token)
    expect(again).toEqual({ ...next, expires_in: next.expires_in - 30 })
  })

  test.each([
    ['the access token', (next: TokenResponse) => works(next)],
    ['the refresh token', (next: TokenResponse) => refresh(next.refresh_token)],
  ])(
    'after the grace ends the family once %s of its successor was presented',
    async (_name, present) => {
      const next = await refresh(first.refresh_token)
      await present(next)
      await kit.clock.advance(30 * SECOND_MS + 1)
      expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
      expect(kit.verifier.verify(next.access_token)).toEqual({ ok: false, error: 'revoked' })
      expect(await refusal(refresh(next.refresh_token))).toBe('invalid_grant')
      expect(kit.ended).toHaveLength(1)
      expect(kit.audited('token.reused')).toHaveLength(1)
      expect(kit.audited('family.revoked')).toHaveLength(1)
    },
  )

  test('is answered again after days when the first answer was lost, with an access token that lives', async () => {
    const lost = await refresh(first.refresh_token)
    await kit.clock.advance(2 * DAY_MS)
    const found = await refresh(first.refresh_token)
    expect(found.refresh_token).toBe(lost.refresh_token)
    expect(found.access_token).not.toBe(lost.access_token)
    expect(found.expires_in).toBe(3600)
    expect(works(found)).toBe(true)
    await kit.clock.advance(SECOND_MS)
    expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
    expect(kit.ended).toHaveLength(1)
  })

  test('counts an expired access token of the successor as presented', async () => {
    const next = await refresh(first.refresh_token)
    await kit.clock.advance(HOUR_MS)
    expect(kit.verifier.verify(next.access_token)).toEqual({ ok: false, error: 'expired' })
    expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
    expect(kit.ended).toHaveLength(1)
  })

  test('two generations back is a reuse', async () => {
    const second = await refresh(first.refresh_token)
    await refresh(second.refresh_token)
    await kit.clock.advance(31 * SECOND_MS)
    expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
    expect(kit.ended).toHaveLength(1)
  })

  test('of one login ends no other login of the same client', async () => {
    const laptop = await kit.connect(client)
    const next = await refresh(first.refresh_token)
    works(next)
    await kit.clock.advance(31 * SECOND_MS)
    await refusal(refresh(first.refresh_token))
    expect(works(next)).toBe(false)
    expect(works(laptop)).toBe(true)
    await refresh(laptop.refresh_token)
  })
})

describe('refused without using up or revoking anything', () => {
  test('while the account must log in to Forgejo again', async () => {
    const next = await refresh(first.refresh_token)
    const ready = kit.forgejo.credential
    kit.forgejo.credential = { kind: 'dead', reason: 'superseded' }
    expect(await refusal(refresh(next.refresh_token))).toBe('invalid_grant')
    await kit.clock.advance(HOUR_MS)
    expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
    kit.forgejo.credential = ready
    await refresh(next.refresh_token)
    expect(kit.ended).toEqual([])
  })

  test('while the operator does not let the user in', async () => {
    kit.config.allowedUsers.push('bob')
    expect(await refusal(refresh(first.refresh_token))).toBe('invalid_grant')
    expect(kit.verifier.verify(first.access_token)).toEqual({ ok: false, error: 'not-allowed' })
    kit.config.allowedUsers.length = 0
    await refresh(first.refresh_token)
    expect(kit.ended).toEqual([])
  })
})

test('while Forgejo cannot be asked, our own tokens go on', async () => {
  kit.forgejo.credential = { kind: 'later', retryAfterMs: 1000, reason: 'down', operator: false }
  await refresh(first.refresh_token)
})
