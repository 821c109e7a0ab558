import { describe, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import type { TokenPair } from '../../src/forgejo/outcome.ts'
import { isAllowed } from '../../src/oauth/allowed.ts'
import {
  backoffMs,
  type Held,
  isDue,
  MAX_BACKOFF_MS,
  type Origin,
  replaces,
} from '../../src/oauth/vault-rules.ts'
import type { VaultRow } from '../../src/store/vaults.ts'

const NOW = 1_800_000_000_000
const alive: Held['content'] = { kind: 'pair', accessToken: 'a', refreshToken: 'r' }
const dead = (reason: 'revoked' | 'lost'): Held['content'] => ({ kind: 'dead', reason })

describe('a pair replaces another', () => {
  type Case = [string, Partial<Held>, Partial<TokenPair>, Origin, boolean]
  const cases: Case[] = [
    ['higher counter, refresh', {}, { cnt: 6 }, { refreshOf: 3 }, true],
    ['higher counter, late refresh', {}, { cnt: 6 }, { refreshOf: 1 }, true],
    ['lower counter, refresh of this very generation', {}, { cnt: 4 }, { refreshOf: 3 }, false],
    ['lower counter, login', {}, { cnt: 4 }, 'login', false],
    ['lower counter, login, dead', { content: dead('lost') }, { cnt: 4 }, 'login', true],
    ['frozen counter, refresh', {}, { cnt: 5 }, { refreshOf: 3 }, true],
    ['frozen counter, late refresh', {}, { cnt: 5 }, { refreshOf: 2 }, false],
    ['frozen counter, login', {}, { cnt: 5 }, 'login', true],
    ['no counter, late refresh', { cnt: null }, {}, { refreshOf: 2 }, false],
    ['another grant, login', {}, { gnt: '2', cnt: 1 }, 'login', true],
    ['another grant, late refresh', {}, { gnt: '2', cnt: 9 }, { refreshOf: 2 }, false],
    ['another grant, newer stranded', {}, { gnt: '2', receivedAt: NOW + 1 }, 'stranded', true],
    ['another grant, older stranded', {}, { gnt: '2', receivedAt: NOW - 1 }, 'stranded', false],
    ['stranded, higher counter', {}, { cnt: 6, receivedAt: NOW - 1 }, 'stranded', true],
    ['no claims, login', { gnt: null, cnt: null }, {}, 'login', true],
    [
      'a revoked grant, late refresh',
      { content: dead('revoked') },
      { cnt: 6 },
      { refreshOf: 3 },
      false,
    ],
    ['a lost one, late refresh', { content: dead('lost') }, { cnt: 6 }, { refreshOf: 3 }, true],
  ]
  test.each(cases)('%s', (_, before, next, origin, expected) => {
    const held = { generation: 3, gnt: '1', cnt: 5, obtainedAt: NOW, content: alive, ...before }
    const { gnt = '1', cnt, receivedAt = NOW } = next
    const pair: TokenPair = {
      accessToken: 'b',
      refreshToken: 's',
      lifetimeMs: HOUR_MS,
      refreshLifetimeMs: DAY_MS,
      receivedAt,
      gnt,
      ...(cnt === undefined ? {} : { cnt }),
    }
    expect(replaces(held, pair, origin)).toBe(expected)
  })

  test('that is not there', () => {
    expect(replaces(undefined, {} as TokenPair, { refreshOf: 1 })).toBe(true)
  })
})

test('pauses double, are jittered downwards, capped, and never shorter than Forgejo asked for', () => {
  expect([1, 2, 3].map((failures) => backoffMs(failures, 0))).toEqual([2_000, 4_000, 8_000])
  expect(backoffMs(3, 0.5)).toBe(6_000)
  expect(backoffMs(50, 0)).toBe(MAX_BACKOFF_MS)
  expect(backoffMs(1, 0.9, 30_000)).toBe(30_000)
  expect(backoffMs(1, 0, 3_600_000)).toBe(MAX_BACKOFF_MS)
})

describe('due for renewal', () => {
  const LEAD = 5 * MINUTE_MS
  const row = (accessMs: number, refreshMs: number, more: Partial<VaultRow> = {}) =>
    ({
      obtainedAt: NOW,
      accessExpiresAt: NOW + accessMs,
      refreshExpiresAt: NOW + refreshMs,
      retryAt: null,
      ...more,
    }) as VaultRow
  const month = 730 * HOUR_MS

  test.each([
    ['active, long before the end', HOUR_MS, month, 50 * MINUTE_MS, true, false],
    ['active, within the lead', HOUR_MS, month, 55 * MINUTE_MS, true, true],
    ['active, past the end', HOUR_MS, month, 2 * HOUR_MS, true, true],
    ['idle, past the end', HOUR_MS, month, 2 * HOUR_MS, false, false],
    ['idle, a week of the refresh token left', HOUR_MS, month, month - 7 * DAY_MS, false, true],
    ['idle, more than a week left', HOUR_MS, month, month - 7 * DAY_MS - 1, false, false],
    ['short-lived, first half', MINUTE_MS, month, 29 * SECOND_MS, true, false],
    ['short-lived, second half', MINUTE_MS, month, 30 * SECOND_MS, true, true],
    ['idle, refresh token of a day, first half', HOUR_MS, DAY_MS, 11 * HOUR_MS, false, false],
    ['idle, refresh token of a day, second half', HOUR_MS, DAY_MS, 12 * HOUR_MS, false, true],
  ])('%s', (_, accessMs, refreshMs, age, active, expected) => {
    expect(isDue(row(accessMs, refreshMs), NOW + age, active, LEAD)).toBe(expected)
  })

  test('not while the next try has to wait', () => {
    const waiting = row(HOUR_MS, month, { retryAt: NOW + 2 * HOUR_MS + 1 })
    expect(isDue(waiting, NOW + 2 * HOUR_MS, true, LEAD)).toBe(false)
    expect(isDue(waiting, NOW + 2 * HOUR_MS + 1, true, LEAD)).toBe(true)
  })
})

test('everybody is let in by an empty list, else those it names by login or sub', () => {
  const alice = { sub: '7', login: 'Alice' }
  expect(isAllowed([], alice)).toBe(true)
  expect(isAllowed(['bob', 'alice'], alice)).toBe(true)
  expect(isAllowed(['sub:7'], alice)).toBe(true)
  expect(isAllowed(['7', 'sub:77', 'bob'], alice)).toBe(false)
})
