import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { randomKey } from '../../src/crypto.ts'
import type { UpstreamFailure } from '../../src/forgejo/outcome.ts'
import { err, ok } from '../../src/result.ts'
import { createVaultKit, failures, type VaultKit } from './vault-kit.ts'

let kit: VaultKit
let id: string
beforeEach(async () => {
  kit = createVaultKit()
  id = await kit.account()
})
afterEach(() => kit.close())

/** Lets the access token end. */
const age = () => kit.clock.advance(HOUR_MS)

describe('peeking', () => {
  test('gives the token until shortly before its end, and asks nobody', () => {
    const asked = kit.forgejo.asked.length
    const expiresAt = kit.clock.now() + HOUR_MS - 10 * SECOND_MS
    expect(kit.vault.peek(id)).toEqual({
      kind: 'ready',
      token: kit.token(id),
      generation: 1,
      expiresAt,
    })
    kit.clock.set(expiresAt)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'later', retryAfterMs: 0, operator: false })
    expect(kit.forgejo.asked).toHaveLength(asked)
  })

  test('knows no account that never logged in', async () => {
    expect(kit.vault.peek('nobody')).toEqual({ kind: 'dead', reason: 'lost' })
    expect(await kit.vault.renew('nobody')).toEqual({ kind: 'dead', reason: 'lost' })
  })

  test('gives what the store holds after a restart', () => {
    const token = kit.token(id)
    kit.restart()
    expect(kit.token(id)).toBe(token)
  })
})

describe('renewing', () => {
  test('twenty at once are one refresh, and all get its token', async () => {
    await age()
    const all = await Promise.all(Array.from({ length: 20 }, () => kit.vault.renew(id)))
    expect(kit.forgejo.count('refresh')).toBe(1)
    expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(all[0]).toEqual(kit.vault.peek(id))
    expect(all[0]).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual(['renewed'])
    expect(kit.audited('vault.renewed')).toHaveLength(1)
  })

  test('a token that another has replaced by now is answered at once with the new one', async () => {
    const stale = kit.token(id)
    await kit.vault.renew(id, stale)
    const asked = kit.forgejo.asked.length
    expect(await kit.vault.renew(id, stale)).toMatchObject({ kind: 'ready', token: kit.token(id) })
    expect(kit.forgejo.asked).toHaveLength(asked)
  })

  test('the attempt is on the disk before it is sent, the result before anybody has it', async () => {
    const rows: unknown[] = []
    kit.forgejo.refreshes.push((real) => {
      rows.push(kit.store.vaults.get(id)?.attemptAt)
      return real()
    })
    const renewed = await kit.vault.renew(id)
    rows.push(kit.store.vaults.get(id)?.attemptAt, kit.store.vaults.get(id)?.generation)
    expect(rows).toEqual([kit.clock.now(), null, 2])
    expect(kit.restart().peek(id)).toEqual(renewed)
  })

  test('a Forgejo that gives the same access token twice in a second has still renewed it', async () => {
    const stale = kit.token(id)
    kit.forgejo.refreshes.push(() => ok({ ...kit.forgejo.pair(), accessToken: stale }))
    expect(await kit.vault.renew(id, stale)).toMatchObject({ kind: 'ready', token: stale })
  })

  test('tokens are nowhere readable in the database, and the last two are known for masking', async () => {
    const first = kit.token(id)
    await kit.vault.renew(id)
    const second = kit.token(id)
    await kit.vault.renew(id)
    expect(kit.vault.secrets(id)).toEqual([kit.token(id), second])
    expect(kit.vault.secrets('nobody')).toEqual([])
    const bytes = kit.bytesOnDisk()
    for (const token of [...kit.forgejo.given, first]) expect(bytes.includes(token)).toBe(false)
  })

  test('a store that is busy for a moment loses no pair', async () => {
    const { durably } = kit.store
    let refusals = 0
    kit.forgejo.refreshes.push((real) => {
      kit.store.durably = () => {
        refusals += 1
        if (refusals > 2) kit.store.durably = durably
        throw new Error('database is locked')
      }
      return real()
    })
    const renewing = kit.vault.renew(id)
    await kit.clock.advance(2 * SECOND_MS)
    expect(await renewing).toMatchObject({ kind: 'ready', generation: 2 })
    expect(refusals).toBe(3)
  })

  test.each([
    ['5 s', 5 * SECOND_MS],
    ['30 d', 720 * HOUR_MS],
  ])('tokens of %s neither cause a storm nor overflow', async (_, lifetimeMs) => {
    kit.forgejo.lifetimeMs = lifetimeMs
    await kit.vault.renew(id)
    for (let at = 0; at < 10; at++) {
      await kit.vault.renew(id, 'another token')
      await kit.clock.advance(100)
    }
    expect(kit.forgejo.count('refresh')).toBe(1)
    await kit.clock.advance(lifetimeMs)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 3 })
  })
})

describe('a refresh that fails for now', () => {
  test('leaves the old token in use to its end, and is spaced out with jitter', async () => {
    const token = kit.token(id)
    const sentAt: number[] = []
    kit.forgejo.refreshes = Array.from({ length: 40 }, () => () => {
      sentAt.push(kit.clock.now())
      return err(failures.down)
    })
    for (let at = 0; at < 3 * 60; at++) {
      expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', token })
      expect(await kit.vault.renew(id, token)).toMatchObject({ kind: 'later', operator: false })
      await kit.clock.advance(SECOND_MS)
    }
    const pauses = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0))
    expect(sentAt.length).toBeLessThan(12)
    expect(Math.max(...pauses)).toBeGreaterThan(25 * SECOND_MS)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(61 * SECOND_MS)
    kit.clock.set(kit.clock.now() + HOUR_MS)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'later', operator: false })
    expect(kit.told).toEqual([])
    kit.forgejo.refreshes = []
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.store.vaults.get(id)).toMatchObject({
      failures: 0,
      retryAt: null,
      lastFailure: null,
    })
  })

  test('waits as long as Forgejo asks, and says so', async () => {
    await age()
    kit.forgejo.refreshes.push({ ...failures.down, retryAfterMs: 45 * SECOND_MS })
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'later', retryAfterMs: 45_000 })
    await kit.clock.advance(44 * SECOND_MS)
    await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(1)
    await kit.clock.advance(SECOND_MS)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready' })
  })

  test('does not make a vault wait for ever when the clock is set back', async () => {
    kit.forgejo.refreshes.push(failures.down)
    await kit.vault.renew(id)
    kit.clock.set(kit.clock.now() - 24 * HOUR_MS)
    await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(2)
  })

  test('for the operator alarms once, harms no user, and says when it is over', async () => {
    await age()
    kit.forgejo.refreshes = Array.from({ length: 5 }, () => failures.operator)
    for (let at = 0; at < 5; at++) {
      expect(await kit.vault.renew(id)).toMatchObject({ kind: 'later', operator: true })
      expect(kit.vault.peek(id)).toMatchObject({ kind: 'later', operator: true })
      await kit.clock.advance(MINUTE_MS)
    }
    expect(kit.forgejo.count('refresh')).toBe(5)
    expect(kit.logged.filter((line) => line.level === 'error')).toHaveLength(1)
    expect(kit.audited('forgejo.refused')).toEqual([failures.operator.detail])
    expect(kit.told).toEqual([])
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.logged.at(-1)?.event).toBe('forgejo accepts the broker again')
  })
})

describe('a refresh that is refused', () => {
  test.each([
    ['revoked', failures.revoked, 'revoked'],
    ['superseded', failures.used, 'superseded'],
    ['unreadable', failures.unreadable, 'expired'],
  ] as const)('as %s ends the credential, once', async (_, failure, reason) => {
    kit.forgejo.refreshes.push(failure)
    const token = kit.token(id)
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason })
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason })
    expect(await kit.vault.rejected(id, token)).toEqual({ kind: 'dead', reason })
    expect(kit.restart().peek(id)).toEqual({ kind: 'dead', reason })
    expect(kit.forgejo.count('refresh')).toBe(1)
    expect(kit.told).toEqual([`died ${reason}`])
    expect(kit.store.vaults.get(id)?.sealedPair).toBeNull()
    expect(kit.audited('vault.died')).toEqual([`${reason}: ${failure.detail}`])
  })

  test('is healed by a login of the same user, even if Forgejo was restored and counts from behind', async () => {
    kit.forgejo.refreshes.push(failures.used)
    await kit.vault.renew(id)
    kit.forgejo.cnt = -5
    expect(await kit.account()).toBe(id)
    expect(kit.token(id)).toStartWith('access-1--4-')
    expect(kit.told).toEqual(['died superseded', 'healed'])
    expect(kit.audited('vault.healed')).toHaveLength(1)
  })

  test('is no end when somebody else has stored a newer pair meanwhile', async () => {
    const other = createOther()
    kit.forgejo.refreshes.push(async () => {
      await other()
      return err(failures.used)
    })
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual([])
  })

  /** What another writer on the same store does: a pair of the next generation is there. */
  function createOther() {
    const first = kit.vault
    const second = kit.restart()
    kit.vault = first
    return async () => {
      await second.renew(id)
      kit.told.length = 0
    }
  }
})

describe('a refresh whose answer is lost', () => {
  test('after Forgejo had counted it is repeated once, then the user must log in', async () => {
    await age()
    kit.forgejo.refreshes.push((real) => {
      real()
      return err(failures.lost)
    })
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'lost' })
    expect(kit.forgejo.count('refresh')).toBe(2)
    await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(2)
    expect(kit.told).toEqual(['died lost'])
    expect(await kit.account()).toBe(id)
    expect(kit.told).toEqual(['died lost', 'healed'])
  })

  test('before Forgejo had seen it comes through the second time', async () => {
    kit.forgejo.refreshes.push(failures.lost)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.forgejo.count('refresh')).toBe(2)
  })

  test('again and again is not repeated at once more than once', async () => {
    await age()
    kit.forgejo.refreshes = Array.from({ length: 10 }, () => failures.lost)
    for (let at = 0; at < 5; at++) await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(2)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'later' })
    await kit.clock.advance(MINUTE_MS)
    await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(3)
  })
})

describe('a refresh that is not answered in time', () => {
  /** Lets the next refresh hang, and returns what to say to it afterwards: Forgejo's own answer, or a failure. */
  const hang = () => {
    let say: (outcome: 'pair' | UpstreamFailure) => void = () => {}
    kit.forgejo.refreshes.push((real, late) => {
      const answer = real()
      say = (outcome) => late(outcome === 'pair' ? answer : err(outcome))
      return err(failures.pending)
    })
    return async (outcome: 'pair' | UpstreamFailure) => {
      say(outcome)
      await kit.clock.settle()
    }
  }

  test('is not sent again for 60 s, and its late answer is kept', async () => {
    await age()
    const answer = hang()
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'later', retryAfterMs: 60_000 })
    await kit.clock.advance(59 * SECOND_MS)
    await kit.vault.renew(id)
    expect(kit.forgejo.count('refresh')).toBe(1)
    await answer('pair')
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual(['renewed'])
    expect(kit.store.vaults.get(id)?.attemptAt).toBeNull()
  })

  test('is sent once more after 60 s; refused then, the user must log in; answered after all, all is well', async () => {
    await age()
    const answer = hang()
    await kit.vault.renew(id)
    await kit.clock.advance(MINUTE_MS)
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'lost' })
    expect(kit.forgejo.count('refresh')).toBe(2)
    await answer('pair')
    expect(kit.token(id)).toStartWith('access-1-2-')
    expect(kit.told).toEqual(['died lost', 'healed'])
  })

  test('may be sent again as soon as its connection is known dead', async () => {
    await age()
    const answer = hang()
    await kit.vault.renew(id)
    await answer(failures.lost)
    expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'lost' })
    expect(kit.forgejo.count('refresh')).toBe(2)
  })

  test('and is refused late ends the credential without another try', async () => {
    await age()
    const answer = hang()
    await kit.vault.renew(id)
    await answer(failures.used)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'dead' })
    expect(kit.forgejo.count('refresh')).toBe(1)
  })

  test('and is refused late, after a second was sent, waits for what the second comes to', async () => {
    await age()
    const first = hang()
    await kit.vault.renew(id)
    await kit.clock.advance(MINUTE_MS)
    kit.forgejo.cnt = 1
    const second = hang()
    await kit.vault.renew(id)
    await first(failures.used)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'later' })
    await second('pair')
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual(['renewed'])
  })

  test('a late answer does not undo a login of the same grant, nor of a new one', async () => {
    const sameGrant = hang()
    await kit.vault.renew(id)
    await kit.account()
    const token = kit.token(id)
    await sameGrant('pair')
    expect(kit.token(id)).toBe(token)

    const oldGrant = hang()
    await kit.clock.advance(MINUTE_MS)
    await kit.vault.renew(id)
    kit.forgejo.gnt = '2'
    kit.forgejo.cnt = 0
    await kit.account()
    const fresh = kit.token(id)
    await oldGrant('pair')
    expect(kit.token(id)).toBe(fresh)
  })

  test('a late refusal does not end what a login has replaced', async () => {
    const answer = hang()
    await kit.vault.renew(id)
    await kit.account()
    await answer(failures.used)
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready' })
  })
})

test('with another key nothing opens, nothing is destroyed, and the right key brings it back', async () => {
  const token = kit.token(id)
  expect(kit.restart([randomKey()]).peek(id)).toEqual({ kind: 'dead', reason: 'key-changed' })
  expect(await kit.vault.renew(id)).toEqual({ kind: 'dead', reason: 'key-changed' })
  expect(kit.forgejo.count('refresh')).toBe(0)
  kit.restart()
  expect(kit.token(id)).toBe(token)
})

test('a login under the new key heals what the old one sealed', async () => {
  const next = randomKey()
  kit.restart([next])
  await kit.account()
  expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
  expect(kit.told).toEqual(['healed'])
})
