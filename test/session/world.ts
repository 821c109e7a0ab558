import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Spawn } from '../../src/child/child.ts'
import { DAY_MS, MINUTE_MS, systemClock } from '../../src/clock.ts'
import { type Log, silentLog } from '../../src/log.ts'
import type { CallSink } from '../../src/mcp/calls.ts'
import { type RpcRequest, rpcNotification } from '../../src/mcp/rpc.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createRegistry, type Registry, type RegistryDeps } from '../../src/session/registry.ts'
import type { Session } from '../../src/session/session.ts'
import type { Caller } from '../../src/store/families.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'
import { type FakeSpawner, fakeSpawner } from '../fixtures/spawner.ts'
import { fakeAccess } from './access.ts'

export const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: { roots: {} },
  clientInfo: { name: 'test', version: '1' },
}

/** A request as a client sends it; every one has the id 1 unless said otherwise. */
export const request = (
  method: string,
  params?: Record<string, unknown>,
  id: string | number = 1,
): RpcRequest => ({
  kind: 'request',
  id,
  idText: JSON.stringify(id),
  method,
  ...(params && { params }),
})

export const tool = (name: string, args: Record<string, unknown> = {}, id?: string | number) =>
  request('tools/call', { name, arguments: args }, id)

export interface Reply {
  id: unknown
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: { reason?: string } }
}

/** A sink that keeps what it gets, and fails the test that ends it twice. */
export function sink(): CallSink & { messages: string[]; ends: string[]; reply: Promise<Reply> } {
  const done = Promise.withResolvers<Reply>()
  const ends: string[] = []
  const messages: string[] = []
  return {
    messages,
    ends,
    reply: done.promise,
    message: (text) => void messages.push(text),
    end(text) {
      ends.push(text)
      if (ends.length > 1) throw new Error(`answered twice: ${ends.join(' and ')}`)
      done.resolve(JSON.parse(text) as Reply)
    },
  }
}

export interface World {
  /** Read anew at each restart. */
  config: { -readonly [K in keyof RegistryDeps['config']]: RegistryDeps['config'][K] }
  registry: Registry
  store: Store
  clock: ManualClock
  spawner: FakeSpawner
  access: ReturnType<typeof fakeAccess>
  metrics: ReturnType<typeof createMetrics>
  /** Callers: two users; `phone` is alice's second client, `second` her second login with the first. */
  alice: Caller
  bob: Caller
  phone: Caller
  second: Caller
  /** A second process on the same store. */
  foreign: Database
  /** Says initialize; throws when refused. */
  open(caller?: Caller): Promise<{ id: string; session: Session }>
  call(session: Session, message: RpcRequest, caller?: Caller): Promise<Reply>
  notify(session: Session, method: string, params?: Record<string, unknown>): Promise<void>
  audited(event: string): string[]
  /** The same store under a new registry: what a restart of the broker is. */
  restart(): Registry
  close(): Promise<void>
}

const CONFIG: RegistryDeps['config'] = {
  forgejoMcpBinary: 'forgejo-mcp',
  callTimeoutMs: 5 * MINUTE_MS,
  childMemoryBytes: 64 * 1024 * 1024,
  maxBodyBytes: 1024 * 1024,
  childCredential: 'relay',
  maxSessions: 50,
  maxSessionsPerUser: 10,
  sessionIdleTimeoutMs: 15 * MINUTE_MS,
  sessionMaxAgeMs: 30 * DAY_MS,
}

/** A registry on a real store, with a manual clock and children in memory unless `spawn` is given. */
export function createWorld(
  options: {
    config?: Partial<RegistryDeps['config']>
    spawn?: Spawn
    realTime?: boolean
    log?: Log
    /** Where children find their Forgejo. */
    url?: string
    /** No child waits for a session unless it is said how long. */
    standbyKeepMs?: number
  } = {},
): World {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-session-'))
  const path = join(folder, 'broker.db')
  const clock = manualClock()
  const time = options.realTime ? systemClock : clock
  const store = openStore({ path, clock: time, busyTimeoutMs: BROKER_BUSY_MS })
  const foreign = new Database(path, { strict: true })
  foreign.run('PRAGMA busy_timeout = 5000')
  const spawner = fakeSpawner()
  const access = fakeAccess(options.url)
  const metrics = createMetrics()
  const config = { ...CONFIG, ...options.config }

  const user = (name: string, client: string, login: string): Caller => {
    const accountId = `account-${name}`
    const grantId = `grant-${name}-${client}`
    const familyId = `family-${login}`
    const add = (sql: string, ...values: (string | number)[]) => foreign.run(sql, values)
    add('INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, 1, 1)', accountId, name, name)
    add(
      `INSERT OR IGNORE INTO clients (id, kind, name, redirect_uris, metadata, created_at)
       VALUES (?, 'dynamic', ?, '[]', '{}', 1)`,
      client,
      client,
    )
    add(
      `INSERT OR IGNORE INTO grants (id, account_id, client_id, scopes, created_at, updated_at)
       VALUES (?, ?, ?, '[]', 1, 1)`,
      grantId,
      accountId,
      client,
    )
    add(
      `INSERT INTO families (id, grant_id, scopes, resource, created_at) VALUES (?, ?, '[]', 'r', 1)`,
      familyId,
      grantId,
    )
    return { accountId, clientId: client, grantId, familyId, login: name, scopes: ['write:issue'] }
  }
  const alice = user('alice', 'laptop', 'alice-laptop')
  const second = user('alice', 'laptop', 'alice-laptop-2')
  const phone = user('alice', 'phone', 'alice-phone')
  const bob = user('bob', 'laptop', 'bob-laptop')

  const make = () =>
    createRegistry({
      store,
      config,
      clock: time,
      log: options.log ?? silentLog,
      metrics,
      spawn: options.spawn ?? spawner.spawn,
      access: access.provider,
      standbyKeepMs: options.standbyKeepMs ?? 0,
      environment: { PATH: process.env.PATH, FJMCP_BROKER_KEY: 'not for children' },
      childHome: folder,
      userAgent: 'fjmcp-broker/test',
    })

  const world: World = {
    config,
    registry: make(),
    store,
    clock,
    spawner,
    access,
    metrics,
    alice,
    bob,
    phone,
    second,
    foreign,
    async open(caller = alice) {
      const opened = await world.registry.initialize(
        caller,
        request('initialize', INITIALIZE),
        sink(),
      )
      if (!opened.ok) throw new Error(`refused: ${JSON.stringify(opened.error)}`)
      const id = opened.value.sessionId ?? ''
      const session = world.registry.find(caller, id)
      if (!session.ok) throw new Error('the new session is not found')
      return { id, session: session.value }
    },
    async call(session, message, caller = alice) {
      const answer = sink()
      const accepted = await session.request(caller, message, answer)
      if (!accepted.ok) throw new Error(`refused: ${JSON.stringify(accepted.error)}`)
      return answer.reply
    },
    async notify(session, method, params) {
      await session.notify(alice, rpcNotification(method, params))
    },
    audited: (event) => store.audit.list({ event, limit: 100 }).map(({ reason }) => reason ?? ''),
    restart() {
      world.registry = make()
      return world.registry
    },
    async close() {
      const stopped = world.registry.stopAll(0)
      await world.registry.stopAll(0)
      await stopped
      foreign.close()
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}
