import { expect, test } from 'bun:test'
import { systemClock } from '../../src/clock.ts'
import { hashToken, type Sealed } from '../../src/crypto.ts'
import { BROKER_BUSY_MS, openStore } from '../../src/store/open.ts'

test('logins that never left our page make room for new ones, the oldest first', () => {
  const store = openStore({ path: ':memory:', clock: systemClock, busyTimeoutMs: BROKER_BUSY_MS })
  const begin = (name: string, now: number, phase: 'consent' | 'forgejo' = 'consent') =>
    store.logins.add(
      now,
      {
        ticketHash: hashToken(name),
        browserHash: hashToken('browser'),
        purpose: 'page',
        phase,
        sealedRequest: 'v1.sealed' as Sealed,
        expiresAt: now + 1_000,
      },
      150,
    )
  begin('at Forgejo', 0, 'forgejo')
  for (let n = 1; n < 150; n += 1) begin(`login ${n}`, n)
  expect(store.logins.find(hashToken('login 1'))).toBeDefined()
  begin('one more', 200)
  expect(store.logins.find(hashToken('login 1'))).toBeUndefined()
  expect(store.logins.find(hashToken('login 101'))).toBeUndefined()
  expect(store.logins.find(hashToken('login 102'))).toBeDefined()
  expect(store.logins.find(hashToken('at Forgejo'))).toBeDefined()
  expect(store.logins.find(hashToken('one more'))).toBeDefined()
  store.close()
})
