import { afterEach, beforeEach, expect, test } from 'bun:test'
import { systemClock } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'

let store: Store
beforeEach(() => {
  store = openStore({ path: ':memory:', clock: systemClock, busyTimeoutMs: BROKER_BUSY_MS })
})
afterEach(() => store.close())

const child = (pid: number, startTime = 'boot:1') => ({ pid, startTime, accountId: 'account' })

test('children are listed as they were written down, the oldest first', () => {
  const sessionHash = hashToken('session')
  store.children.add(20, { ...child(7), sessionHash })
  store.children.add(10, child(9))
  expect(store.children.list()).toEqual([
    { ...child(9), sessionHash: null, startedAt: 10 },
    { ...child(7), sessionHash, startedAt: 20 },
  ])
})

test('a child that is gone is forgotten, once or twice', () => {
  store.children.add(1, child(7))
  store.children.add(2, child(8))
  store.children.remove(7)
  store.children.remove(7)
  expect(store.children.list().map((row) => row.pid)).toEqual([8])
})

test('a reused pid takes the place of the row that was left under it', () => {
  store.children.add(1, { ...child(7, 'boot:1'), sessionHash: hashToken('old') })
  store.children.add(2, child(7, 'boot:2'))
  expect(store.children.list()).toEqual([
    { ...child(7, 'boot:2'), sessionHash: null, startedAt: 2 },
  ])
})

test('a standby is noted as the child of the session that got it', () => {
  store.children.add(1, child(7))
  store.children.assign(7, hashToken('session'))
  expect(store.children.list()[0]?.sessionHash).toBe(hashToken('session'))
})
