import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createVaultKit, failures, type VaultKit } from './vault-kit.ts'

let kit: VaultKit
beforeEach(() => {
  kit = createVaultKit()
})
afterEach(() => kit.close())

test('a 401 that comes while the refresh of an earlier one is under way waits for that refresh', async () => {
  const account = await kit.account()
  const old = kit.token(account)
  kit.forgejo.userinfos.push(failures.rejected, failures.rejected)
  const answered = Promise.withResolvers<void>()
  kit.forgejo.refreshes.push(async (real) => {
    await answered.promise
    return real()
  })
  const first = kit.vault.rejected(account, old)
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
  expect(kit.forgejo.count('refresh')).toBe(1)
  const second = kit.vault.rejected(account, old)
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
  answered.resolve()
  expect(await first).toMatchObject({ kind: 'ready' })
  expect(await second).toEqual(await first)
  expect(kit.token(account)).not.toBe(old)
  expect(kit.forgejo.count('refresh')).toBe(1)
})

test('401s that share the question to userinfo share the refresh', async () => {
  const account = await kit.account()
  const old = kit.token(account)
  kit.forgejo.userinfos.push(failures.rejected)
  kit.forgejo.asked.length = 0
  const first = kit.vault.rejected(account, old)
  const second = kit.vault.rejected(account, old)
  expect(await first).toMatchObject({ kind: 'ready' })
  expect(await second).toEqual(await first)
  expect(kit.forgejo.asked).toEqual(['userinfo', 'refresh'])
})

test('a refresh that failed is tried again after its pause, not after a minute', async () => {
  const account = await kit.account()
  const old = kit.token(account)
  kit.forgejo.userinfos.push(failures.rejected, failures.rejected)
  kit.forgejo.refreshes.push(failures.down)
  expect(await kit.vault.rejected(account, old)).toMatchObject({ kind: 'later' })
  await kit.clock.advance(2_000)
  expect(await kit.vault.rejected(account, old)).toMatchObject({ kind: 'ready' })
  expect(kit.token(account)).not.toBe(old)
})

test('a mere suspicion about an old token asks userinfo first, and refreshes only what that refuses', async () => {
  const account = await kit.account()
  const old = kit.token(account)
  await kit.clock.advance(10 * 60_000)
  kit.forgejo.asked.length = 0
  expect(await kit.vault.suspected(account, old)).toMatchObject({ kind: 'ready', token: old })
  expect(kit.forgejo.asked).toEqual(['userinfo'])
  kit.forgejo.userinfos.push(failures.rejected)
  expect(await kit.vault.suspected(account, old)).toMatchObject({ kind: 'ready' })
  expect(kit.token(account)).not.toBe(old)
  expect(kit.forgejo.asked).toEqual(['userinfo', 'userinfo', 'refresh'])
})
