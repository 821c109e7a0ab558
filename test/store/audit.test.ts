import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { hashToken } from '../../src/crypto.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'
import { manualClock } from '../fixtures/clock.ts'

let store: Store
beforeEach(() => {
  store = openStore({ path: ':memory:', clock: manualClock(), busyTimeoutMs: BROKER_BUSY_MS })
})
afterEach(() => store.close())

const hash = hashToken('session')

describe('the audit trail', () => {
  beforeEach(() => {
    const { audit } = store
    audit.add(1, { event: 'session.created', accountId: 'a', clientId: 'c', sessionHash: hash })
    audit.add(2, { event: 'session.ended', accountId: 'a', clientId: 'c', sessionHash: hash })
    audit.add(3, { event: 'login.completed', accountId: 'a', clientId: 'd', familyId: 'f' })
    audit.add(4, { event: 'vault.died', accountId: 'a', reason: 'expired' })
    audit.add(5, { event: 'login.completed', accountId: 'b', clientId: 'c' })
    // No such kind, and no event of this version.
    audit.add(6, { event: 'sessions' as never })
  })

  test.each([
    ['since', { since: 4 }, [6, 5, 4]],
    ['until', { until: 2 }, [2, 1]],
    ['one event', { event: 'login.completed' }, [5, 3]],
    ['a kind of events', { event: 'session' }, [2, 1]],
    ['an account', { accountId: 'a' }, [4, 3, 2, 1]],
    ['a client', { clientId: 'c' }, [5, 2, 1]],
    ['a login', { familyId: 'f' }, [3]],
    ['a session by the start of its hash', { session: hash.slice(0, 8) }, [2, 1]],
    ['two at once', { accountId: 'a', event: 'login' }, [3]],
    ['an event with the signs of a pattern', { event: '*' }, []],
    ['a session with the signs of a pattern', { session: '%' }, []],
  ])('is filtered by %s', (_name, filter, times) => {
    expect(store.audit.list({ ...filter, limit: 9 }).map(({ at }) => at)).toEqual(times)
  })

  test('tells the story of a client with what concerns its account, and nobody else’s', () => {
    expect(store.audit.story('a', 'c', 9).map(({ at }) => at)).toEqual([4, 2, 1])
    expect(store.audit.story('a', 'c', 1).map(({ at }) => at)).toEqual([4])
  })

  test('forgets the old and what is too many, the oldest first and in batches', () => {
    expect(store.audit.forget(3, 1)).toBe(1)
    expect(store.audit.forget(3, 9)).toBe(1)
    expect(store.audit.list({ limit: 9 }).map(({ at }) => at)).toEqual([6, 5, 4, 3])
    expect(store.audit.forgetBeyond(3, 9)).toBe(1)
    expect(store.audit.forgetBeyond(3, 9)).toBe(0)
    expect(store.audit.forgetBeyond(1, 1)).toBe(1)
    expect(store.audit.list({ limit: 9 }).map(({ at }) => at)).toEqual([6, 5])
  })
})
