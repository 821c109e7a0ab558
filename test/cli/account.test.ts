import { afterEach, beforeEach, expect, test } from 'bun:test'
import { accountNamed } from '../../src/cli/account.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { manualClock } from '../fixtures/clock.ts'

let store: Store
beforeEach(() => {
  store = openStore({ path: ':memory:', clock: manualClock(), busyTimeoutMs: 0 })
})
afterEach(() => store.close())

test('an account is named by its id, its sub or its login', () => {
  const { id } = store.accounts.loggedIn(1, { sub: '1', login: 'alice' })
  store.accounts.loggedIn(2, { sub: '2', login: 'bob' })
  for (const name of [id, 'sub:1', 'alice']) expect(accountNamed(store, name)).toMatchObject({ id })
  expect(() => accountNamed(store, 'carol')).toThrow('no account carol')
})

test('a login that was given up and taken by somebody else names neither of them', () => {
  store.accounts.loggedIn(1, { sub: '1', login: 'mallory' })
  const { id } = store.accounts.loggedIn(2, { sub: '2', login: 'mallory' })
  expect(() => accountNamed(store, 'mallory')).toThrow('several accounts are called mallory')
  expect(accountNamed(store, 'sub:2')).toMatchObject({ id })
})
