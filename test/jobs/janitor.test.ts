import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { createJanitor } from '../../src/jobs/janitor.ts'
import { silentLog } from '../../src/log.ts'
import type { Client } from '../../src/oauth/clients.ts'
import { createPageSessions } from '../../src/oauth/page-session.ts'
import { createKit, type FlowKit, refusal } from '../oauth/flow-kit.ts'

let kit: FlowKit
let client: Client
let janitor: ReturnType<typeof createJanitor>

beforeEach(() => {
  kit = createKit()
  client = kit.client()
  janitor = createJanitor({ store: kit.store, log: silentLog, config: kit.config })
})
afterEach(() => kit.close())

const sweep = () => janitor.runOnce(kit.clock.now())
const count = (table: string) => kit.sql<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]?.n

test('nothing that is good goes', async () => {
  await kit.toForgejo(client)
  await kit.connect(client)
  await kit.login(client)
  expect(Object.values(sweep()).every((gone) => gone === 0)).toBe(true)
})

test('logins go when their time is up', async () => {
  const way = await kit.toForgejo(client)
  await kit.comeBack(way)
  await kit.toForgejo(client)
  await kit.clock.advance(31 * MINUTE_MS)
  expect(sweep().logins).toBe(2)
})

test('a login that still holds a token pair stays a week longer', async () => {
  await kit.toForgejo(client)
  kit.sql('UPDATE logins SET sealed_pair = ?, pair_at = ? RETURNING 1', 'v1', kit.clock.now())
  await kit.clock.advance(6 * DAY_MS)
  expect(sweep().logins).toBe(0)
  await kit.clock.advance(2 * DAY_MS)
  expect(sweep().logins).toBe(1)
})

test('a code that was never used goes with its empty family, a used one is remembered for a day', async () => {
  await kit.login(client)
  const used = await kit.login(client)
  await kit.redeem(client, used)
  await kit.clock.advance(2 * HOUR_MS)
  expect(sweep()).toMatchObject({ codes: 1, families: 1 })
  expect(await refusal(kit.redeem(client, used))).toBe('invalid_grant')
  expect(kit.ended).toHaveLength(1)
  await kit.clock.advance(DAY_MS)
  expect(sweep().codes).toBe(1)
})

test('expired tokens go, and the family after them', async () => {
  const { refresh_token } = await kit.connect(client)
  await kit.refresh(client, refresh_token)
  await kit.clock.advance(2 * HOUR_MS)
  expect(sweep()).toMatchObject({ accessTokens: 0, refreshTokens: 0, families: 0 })
  await kit.clock.advance(31 * DAY_MS)
  expect(sweep()).toMatchObject({ accessTokens: 2, refreshTokens: 2, families: 1 })
  expect([count('families'), count('grants')]).toEqual([0, 1])
})

test('a lost answer is still known as never presented after its access token expired', async () => {
  const { refresh_token } = await kit.connect(client)
  await kit.refresh(client, refresh_token)
  await kit.clock.advance(20 * DAY_MS)
  sweep()
  await kit.refresh(client, refresh_token)
  expect(kit.ended).toEqual([])
})

test('a family stays for the sake of a session that goes on', async () => {
  await kit.connect(client)
  const open = `INSERT INTO sessions (id_hash, account_id, client_id, family_id, protocol_version, initialize_params,
    initialize_result, subscriptions, created_at, last_used_at)
    SELECT 'hash', 'account_1', ?, id, '2025-11-25', '{}', '{}', '[]', 1, 1 FROM families RETURNING 1`
  kit.sql(open, client.id)
  await kit.clock.advance(40 * DAY_MS)
  expect(sweep().families).toBe(0)
  kit.sql('UPDATE sessions SET ended_at = 2 RETURNING 1')
  expect(sweep().families).toBe(1)
})

test('audit rows go after 90 days', async () => {
  await kit.connect(client)
  await kit.clock.advance(90 * DAY_MS)
  expect(sweep().audit).toBe(0)
  await kit.clock.advance(1)
  expect(sweep().audit).toBeGreaterThan(2)
  expect(count('audit')).toBe(0)
})

test('browsers are forgotten once their visit is over', async () => {
  await kit.connect(client)
  const pages = createPageSessions(kit)
  const cookie = pages.open('account_1')
  await kit.clock.advance(HOUR_MS - 1)
  expect(sweep().pages).toBe(0)
  expect(pages.find(cookie)?.login).toBe('alice')
  await kit.clock.advance(HOUR_MS)
  expect(sweep().pages).toBe(1)
  expect(count('page_sessions')).toBe(0)
})

test('one run deletes a bounded number, the next goes on', async () => {
  kit.sql(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
     INSERT INTO logins (ticket_hash, browser_hash, purpose, phase, sealed_request, created_at, expires_at)
     SELECT 'ticket' || i, 'b', 'page', 'done', 'x', 1, 2 FROM n RETURNING 1`,
  )
  expect(sweep().logins).toBe(10_000)
  expect(sweep().logins).toBe(2_000)
})
