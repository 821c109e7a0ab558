import { afterEach, beforeEach, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import type { Client } from '../../src/oauth/clients.ts'
import { createVerifier } from '../../src/oauth/verify.ts'
import { createKit, type FlowKit } from './flow-kit.ts'

let kit: FlowKit
let client: Client

beforeEach(() => {
  kit = createKit()
  client = kit.client()
})
afterEach(() => kit.close())

test('a token resolves to who it is, whose it is and what both allow', async () => {
  const { access_token } = await kit.connect(client, { scope: 'read:user write:issue' })
  expect(kit.verifier.verify(access_token)).toEqual({
    ok: true,
    value: {
      accountId: 'account_1',
      clientId: client.id,
      grantId: expect.stringMatching(/^grant_/),
      familyId: expect.stringMatching(/^family_/),
      login: 'alice',
      scopes: ['read:issue', 'read:user', 'write:issue'],
    },
  })
})

test('a grant that is narrower than the login cuts it, and a write that was cut still reads', async () => {
  const { access_token } = await kit.connect(client, { scope: 'read:user write:issue' })
  const before = kit.verifier.verify(access_token)
  const grantId = before.ok ? before.value.grantId : ''
  kit.store.grants.setScopes(kit.clock.now(), grantId, ['read:issue'])
  const after = kit.verifier.verify(access_token)
  expect(after.ok && after.value.scopes).toEqual(['read:issue'])
})

test('it expires after its time', async () => {
  const { access_token } = await kit.connect(client)
  await kit.clock.advance(HOUR_MS - 1)
  expect(kit.verifier.verify(access_token).ok).toBe(true)
  await kit.clock.advance(1)
  expect(kit.verifier.verify(access_token)).toEqual({ ok: false, error: 'expired' })
})

test('nothing else is a bearer token, a refresh token and a code included', async () => {
  const { code, verifier } = await kit.login(client)
  const { refresh_token, access_token } = await kit.redeem(client, { code, verifier })
  for (const text of [refresh_token, code, '', 'x', access_token.slice(0, -1), `${access_token}a`])
    expect(kit.verifier.verify(text)).toEqual({ ok: false, error: 'unknown' })
})

test('a user is named by id or login, and a rename does not let in', async () => {
  const { access_token } = await kit.connect(client)
  kit.config.allowedUsers.push('sub:1')
  expect(kit.verifier.verify(access_token).ok).toBe(true)
  kit.config.allowedUsers[0] = 'sub:2'
  expect(kit.verifier.verify(access_token)).toEqual({ ok: false, error: 'not-allowed' })
})

test('the first use of a token is written down, and its family once in five minutes', async () => {
  const { access_token } = await kit.connect(client)
  const uses = () =>
    kit.sql<{ presented: number; used: number }>(
      `SELECT presented_at AS presented, last_used_at AS used
       FROM access_tokens JOIN families ON families.id = family_id`,
    )[0]
  const begun = kit.clock.now()
  await kit.clock.advance(MINUTE_MS)
  kit.verifier.verify(access_token)
  expect(uses()).toEqual({ presented: begun + MINUTE_MS, used: begun })
  await kit.clock.advance(4 * MINUTE_MS)
  kit.verifier.verify(access_token)
  expect(uses()).toEqual({ presented: begun + MINUTE_MS, used: begun + 5 * MINUTE_MS })
})

test('a verifier that remembers sees what another process revoked within its time', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const { access_token } = await kit.connect(client)
  expect(verifier.verify(access_token).ok).toBe(true)
  kit.sql('UPDATE families SET revoked_at = 1')
  await kit.clock.advance(SECOND_MS - 1)
  expect(verifier.verify(access_token).ok).toBe(true)
  await kit.clock.advance(1)
  expect(verifier.verify(access_token)).toEqual({ ok: false, error: 'revoked' })
})

test('it sees what this process revoked as soon as it is told to forget', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const { access_token } = await kit.connect(client)
  const found = verifier.verify(access_token)
  kit.store.families.revoke(kit.clock.now(), found.ok ? found.value.familyId : '', 'test')
  verifier.forget()
  expect(verifier.verify(access_token)).toEqual({ ok: false, error: 'revoked' })
})

test('it remembers no token beyond its end, and none that was refused', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const { access_token } = await kit.connect(client)
  kit.config.allowedUsers.push('sub:2')
  expect(verifier.verify(access_token)).toEqual({ ok: false, error: 'not-allowed' })
  kit.config.allowedUsers.pop()
  await kit.clock.advance(HOUR_MS - 1)
  expect(verifier.verify(access_token).ok).toBe(true)
  await kit.clock.advance(1)
  expect(verifier.verify(access_token)).toEqual({ ok: false, error: 'expired' })
})

test('a clock that is put back makes it remember no longer', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const { access_token } = await kit.connect(client)
  expect(verifier.verify(access_token).ok).toBe(true)
  kit.sql('UPDATE families SET revoked_at = 1')
  kit.clock.set(kit.clock.now() - HOUR_MS)
  expect(verifier.verify(access_token)).toEqual({ ok: false, error: 'revoked' })
})

test('a store that another process holds refuses nobody, and the use is written down later', async () => {
  const { access_token } = await kit.connect(client)
  const row = () => kit.store.tokens.findAccess(hashToken(access_token))
  const held = kit.holdStore()
  expect(kit.verifier.verify(access_token).ok).toBe(true)
  held.release()
  expect(row()?.presentedAt).toBeNull()
  expect(kit.verifier.verify(access_token).ok).toBe(true)
  expect(row()?.presentedAt).toBe(kit.clock.now())
})

test('each of many tokens that it remembers keeps its own caller', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const [phone, desk] = [await kit.connect(client), await kit.connect(client)]
  const familyOf = (token: string) => {
    const verified = verifier.verify(token)
    return verified.ok ? verified.value.familyId : verified.error
  }
  const first = [phone, desk, phone, desk].map(({ access_token }) => familyOf(access_token))
  expect(first[0]).not.toBe(first[1] as string)
  expect(first.slice(2)).toEqual(first.slice(0, 2))
  // What is remembered is looked up anew once its second is over, in whatever order.
  kit.sql('UPDATE families SET revoked_at = 1 WHERE id = ?', first[0] as string)
  expect(familyOf(phone.access_token)).toBe(first[0] as string)
  await kit.clock.advance(SECOND_MS)
  expect(familyOf(desk.access_token)).toBe(first[1] as string)
  expect(familyOf(phone.access_token)).toBe('revoked')
})

test('a caller holds for the remembered time, until something is revoked, and only as the one that was verified', async () => {
  const verifier = createVerifier({ ...kit, rememberMs: SECOND_MS })
  const { access_token } = await kit.connect(client)
  const verified = () => {
    const result = verifier.verify(access_token)
    if (!result.ok) throw new Error(result.error)
    return result.value
  }
  const caller = verified()
  expect(verifier.holds(caller)).toBe(true)
  expect(verifier.holds({ ...caller })).toBe(false)
  verifier.forget()
  expect(verifier.holds(caller)).toBe(false)
  const again = verified()
  expect(verifier.holds(again)).toBe(true)
  await kit.clock.advance(SECOND_MS)
  expect(verifier.holds(again)).toBe(false)
  const forgetful = createVerifier(kit)
  const always = forgetful.verify(access_token)
  if (!always.ok) throw new Error(always.error)
  expect(forgetful.holds(always.value)).toBe(false)
})
