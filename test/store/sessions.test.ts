import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashToken } from '../../src/crypto.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'
import { manualClock } from '../fixtures/clock.ts'

let folder: string
let store: Store
let other: Database

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fjmcp-sessions-'))
  const path = join(folder, 'broker.db')
  store = openStore({ path, clock: manualClock(), busyTimeoutMs: BROKER_BUSY_MS })
  other = new Database(path)
  other.run(`INSERT INTO accounts VALUES ('a', '1', 'alice', 1, 1)`)
  other.run(`INSERT INTO clients (id, kind, name, redirect_uris, metadata, created_at)
    VALUES ('c', 'dynamic', 'C', '[]', '{}', 1)`)
  other.run(`INSERT INTO grants (id, account_id, client_id, scopes, created_at, updated_at)
    VALUES ('g', 'a', 'c', '[]', 1, 1)`)
  for (const family of ['f', 'f2'])
    other.run(`INSERT INTO families (id, grant_id, scopes, resource, created_at)
      VALUES ('${family}', 'g', '[]', 'r', 1)`)
})
afterEach(() => {
  other.close()
  store.close()
  rmSync(folder, { recursive: true })
})

const add = (now: number, name: string, familyId = 'f') =>
  store.sessions.add(now, {
    idHash: hashToken(name),
    accountId: 'a',
    clientId: 'c',
    familyId,
    protocolVersion: '2025-11-25',
    initializeParams: '{"a":1}',
    initializeResult: '{"b":2}',
  })

describe('sessions', () => {
  test('are kept with their handshake and read back whole', () => {
    const row = add(5, 's')
    expect(store.sessions.get(hashToken('s'))).toEqual(row)
    expect(row).toMatchObject({ createdAt: 5, lastUsedAt: 5, calls: 0, subscriptions: [] })
  })

  test('remember what a woken child must be told, and how they were used', () => {
    add(5, 's')
    store.sessions.remember(hashToken('s'), { subscriptions: ['x:1'], logLevel: 'debug' })
    store.sessions.remember(hashToken('s'), { initialized: true })
    store.sessions.used(hashToken('s'), { lastUsedAt: 9, calls: 3, nextStream: 65 })
    expect(store.sessions.get(hashToken('s'))).toMatchObject({
      initialized: true,
      logLevel: 'debug',
      subscriptions: ['x:1'],
      lastUsedAt: 9,
      calls: 3,
      nextStream: 65,
    })
  })

  test('end once, and are forgotten only later', () => {
    add(5, 's')
    expect(store.sessions.end(7, hashToken('s'), 'why')).toBe(true)
    expect(store.sessions.end(8, hashToken('s'), 'again')).toBe(false)
    expect(store.sessions.end(8, hashToken('unknown'), 'why')).toBe(false)
    expect(store.sessions.get(hashToken('s'))).toMatchObject({ endedAt: 7, endReason: 'why' })
    expect(store.sessions.forget(7)).toBe(0)
    expect(store.sessions.forget(8)).toBe(1)
  })

  test('are counted, listed and found by their family while they live', () => {
    add(5, 's1')
    add(6, 's2', 'f2')
    add(7, 's3')
    store.sessions.end(8, hashToken('s3'), 'why')
    expect(store.sessions.count()).toBe(2)
    expect(store.sessions.ofFamily('f')).toEqual([hashToken('s1')])
    const listed = store.sessions.list({ limit: 9 })
    expect(listed.map(({ idHash }) => idHash)).toEqual([hashToken('s2'), hashToken('s1')])
    expect(listed[0]).not.toHaveProperty('initializeParams')
    expect(store.sessions.list({ ended: true, accountId: 'a', limit: 9 })).toHaveLength(3)
    expect(store.sessions.list({ accountId: 'b', limit: 9 })).toEqual([])
  })

  test('that were not used since a moment are found, the longest unused first', () => {
    add(6, 's2')
    add(5, 's1')
    add(7, 's3')
    expect(store.sessions.disused(7, 9)).toEqual([hashToken('s1'), hashToken('s2')])
    expect(store.sessions.disused(7, 1)).toEqual([hashToken('s1')])
  })

  test('that were asked to close are found until they end', () => {
    add(5, 's1')
    add(5, 's2')
    expect(store.sessions.closing()).toEqual([])
    expect(store.admin.requestClose(6, hashToken('s1'))).toBe(1)
    const closing = [{ idHash: hashToken('s1'), cause: 'operator' as const }]
    expect(store.sessions.closing()).toEqual(closing)
    expect(store.sessions.closing()).toEqual(closing)
    store.sessions.end(7, hashToken('s1'), 'closed')
    expect(store.sessions.closing()).toEqual([])
    expect(store.admin.requestClose(8, hashToken('s1'))).toBe(0)
  })

  test('of a family that another process revoked are found', () => {
    add(5, 's1')
    add(5, 's2', 'f2')
    expect(store.sessions.closing()).toEqual([])
    other.run(`UPDATE families SET revoked_at = 1 WHERE id = 'f2'`)
    expect(store.sessions.closing()).toEqual([{ idHash: hashToken('s2'), cause: 'revoked' }])
  })

  test('cannot be made for a family that is gone', () => {
    expect(() => add(5, 's', 'nobody')).toThrow()
  })
})
