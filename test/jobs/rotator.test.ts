import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { createRotator } from '../../src/jobs/rotator.ts'
import { silentLog } from '../../src/log.ts'
import { createVaultKit, failures, type VaultKit } from '../oauth/vault-kit.ts'

let kit: VaultKit
let active: Set<string>
beforeEach(() => {
  kit = createVaultKit()
  active = new Set()
})
afterEach(() => kit.close())

const rotate = () => {
  const { vault, clock } = kit
  return createRotator({ vault, active: () => active, clock, log: silentLog }).runOnce(clock.now())
}

/** Accounts of users with these ids at Forgejo, each with a grant of its own. */
async function accounts(...subs: string[]): Promise<string[]> {
  const ids: string[] = []
  for (const sub of subs) {
    Object.assign(kit.forgejo, { sub, login: `user${sub}`, gnt: sub, cnt: 0 })
    ids.push(await kit.account())
  }
  return ids
}

test('renews the tokens of accounts with children shortly before they end, and no others', async () => {
  const [one = '', two = ''] = await accounts('1', '2')
  active.add(two)
  await kit.clock.advance(54 * MINUTE_MS)
  await rotate()
  expect(kit.forgejo.count('refresh')).toBe(0)
  await kit.clock.advance(5 * MINUTE_MS)
  await rotate()
  expect(kit.vault.peek(one)).toMatchObject({ kind: 'ready', generation: 1 })
  expect(kit.vault.peek(two)).toMatchObject({ kind: 'ready', generation: 2 })
  await rotate()
  expect(kit.forgejo.count('refresh')).toBe(1)
})

test('keeps an idle account’s refresh token from running out', async () => {
  await accounts('1')
  await kit.clock.advance(730 * HOUR_MS - 7 * DAY_MS - MINUTE_MS)
  await rotate()
  expect(kit.forgejo.count('refresh')).toBe(0)
  await kit.clock.advance(2 * MINUTE_MS)
  await rotate()
  await rotate()
  expect(kit.forgejo.count('refresh')).toBe(1)
})

test('renews a few at a time, and a failure of one keeps no other waiting', async () => {
  active = new Set(await accounts('1', '2', '3', '4', '5', '6', '7', '8', '9'))
  await kit.clock.advance(HOUR_MS)
  let open = 0
  let most = 0
  kit.forgejo.refreshes = [...active].map((_, index) => async () => {
    most = Math.max(most, ++open)
    await kit.clock.settle()
    open -= 1
    return index === 0
      ? { ok: false as const, error: failures.down }
      : { ok: true as const, value: kit.forgejo.pair() }
  })
  await rotate()
  expect(most).toBe(4)
  expect(kit.forgejo.count('refresh')).toBe(9)
  const ready = [...active].filter((id) => kit.vault.peek(id).kind === 'ready')
  expect(ready).toHaveLength(8)
})

test('leaves the dead alone, and those that have to wait', async () => {
  active = new Set(await accounts('1', '2'))
  await kit.clock.advance(HOUR_MS)
  kit.forgejo.refreshes = [failures.revoked, { ...failures.down, retryAfterMs: MINUTE_MS }]
  await rotate()
  await rotate()
  expect(kit.forgejo.count('refresh')).toBe(2)
})

test('takes in the pair of an interrupted login', async () => {
  const [id = ''] = await accounts('1')
  kit.forgejo.userinfos.push(failures.down)
  await kit.login()
  await rotate()
  expect(kit.token(id)).toStartWith('access-1-2-')
})
