import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { createSealer, hashToken, randomKey, randomToken, type Sealed } from '../../src/crypto.ts'
import type { TokenPair, UpstreamFailure } from '../../src/forgejo/outcome.ts'
import type { Late, Upstream } from '../../src/forgejo/upstream.ts'
import type { Fields, Log } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createVault } from '../../src/oauth/vault.ts'
import { err, ok, type Result } from '../../src/result.ts'
import { BROKER_BUSY_MS, openStore } from '../../src/store/open.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'

type PairAnswer = Result<TokenPair, UpstreamFailure>

/** The short names of Forgejo's answers that tests script. */
export const failures = {
  revoked: { kind: 'again', reason: 'revoked', detail: 'invalid_grant: grant does not exist' },
  used: { kind: 'again', reason: 'superseded', detail: 'token was already used' },
  unreadable: { kind: 'again', reason: 'expired', detail: 'unable to parse refresh token' },
  rejected: { kind: 'again', reason: 'rejected', detail: 'Forgejo answered 401' },
  down: { kind: 'later', detail: 'Forgejo answered 502' },
  lost: { kind: 'later', detail: 'the connection broke', outcome: 'lost' },
  pending: { kind: 'later', detail: 'no answer', outcome: 'pending' },
  operator: { kind: 'operator', detail: 'invalid_client: no such client' },
  suspended: { kind: 'account', detail: 'a page' },
} as const satisfies Record<string, UpstreamFailure>

/** What a token request comes to: a failure, or what the test makes of Forgejo's own answer. */
type Step =
  | UpstreamFailure
  | ((real: () => PairAnswer, late: Late) => PairAnswer | Promise<PairAnswer>)

export interface KitOptions {
  allowedUsers?: string[]
  /** Another Forgejo than the scripted one. */
  upstream?: (clock: ManualClock) => Upstream
}

export type VaultKit = ReturnType<typeof createVaultKit>

/**
 * A vault over a real database file and a manual clock. Forgejo is a script that counts as the real one does: each
 * token response raises the grant's counter, and a refresh token is good only while it carries that counter.
 */
export function createVaultKit(options: KitOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-vault-'))
  const path = join(folder, 'broker.db')
  const clock = manualClock()
  const store = openStore({ path, clock, busyTimeoutMs: BROKER_BUSY_MS })
  const key = randomKey()
  const told: string[] = []
  const logged: { level: string; event: string; fields: Fields | undefined }[] = []
  const log: Log = {
    debug: (event, fields) => logged.push({ level: 'debug', event, fields }),
    info: (event, fields) => logged.push({ level: 'info', event, fields }),
    warn: (event, fields) => logged.push({ level: 'warn', event, fields }),
    error: (event, fields) => logged.push({ level: 'error', event, fields }),
    with: () => log,
  }

  const forgejo = {
    sub: '7',
    login: 'alice',
    gnt: '1',
    cnt: 0,
    lifetimeMs: HOUR_MS,
    refreshLifetimeMs: 730 * HOUR_MS,
    scopes: ['read:user', 'write:issue'],
    /** Answers to come, in order, in place of what Forgejo would say. */
    refreshes: [] as Step[],
    exchanges: [] as Step[],
    userinfos: [] as (UpstreamFailure | Promise<void>)[],
    introspections: [] as UpstreamFailure[],
    /** What was asked, in order. */
    asked: [] as string[],
    /** Every token it ever gave. */
    given: [] as string[],
    /** A pair as the next token response has it. */
    pair(): TokenPair {
      const { gnt, lifetimeMs, refreshLifetimeMs } = forgejo
      forgejo.cnt += 1
      const pair = {
        accessToken: `access-${gnt}-${forgejo.cnt}-${randomToken()}`,
        refreshToken: `refresh-${gnt}-${forgejo.cnt}-${randomToken()}`,
        lifetimeMs,
        refreshLifetimeMs,
        receivedAt: clock.now(),
        gnt,
        cnt: forgejo.cnt,
      }
      forgejo.given.push(pair.accessToken, pair.refreshToken)
      return pair
    },
    count: (what: string) => forgejo.asked.filter((each) => each === what).length,
  }
  const scripted: Upstream = {
    authorizeUrl: () => 'https://forge.example/login/oauth/authorize',
    async exchange(_code, _verifier, late = () => {}) {
      forgejo.asked.push('exchange')
      const next = forgejo.exchanges.shift()
      const real = () => ok(forgejo.pair())
      return next === undefined ? real() : typeof next === 'function' ? next(real, late) : err(next)
    },
    async refresh(refreshToken, late) {
      forgejo.asked.push('refresh')
      const real = (): PairAnswer => {
        const [, gnt, cnt] = refreshToken.split('-')
        if (gnt !== forgejo.gnt) return err(failures.revoked)
        return Number(cnt) === forgejo.cnt ? ok(forgejo.pair()) : err(failures.used)
      }
      const next = forgejo.refreshes.shift()
      return next === undefined ? real() : typeof next === 'function' ? next(real, late) : err(next)
    },
    async userinfo() {
      forgejo.asked.push('userinfo')
      const next = forgejo.userinfos.shift()
      if (next && 'kind' in next) return err(next)
      await next
      return ok({ sub: forgejo.sub, login: forgejo.login })
    },
    async introspect() {
      const next = forgejo.introspections.shift()
      return next ? err(next) : ok({ scopes: forgejo.scopes })
    },
    version: async () => ok('15.0.3'),
    discovery: async () => ok({ issuer: 'https://forge.example' }),
  }

  const upstream = options.upstream?.(clock) ?? scripted

  const open = (keys = [key]) =>
    createVault({
      store,
      upstream,
      sealer: createSealer(keys),
      clock,
      log,
      metrics: createMetrics(),
      config: {
        allowedUsers: options.allowedUsers ?? [],
        forgejoScopes: ['read:user', 'write:issue'],
        refreshLeadMs: 5 * MINUTE_MS,
      },
      events: {
        renewed: () => told.push('renewed'),
        died: (_, reason) => told.push(`died ${reason}`),
        healed: () => told.push('healed'),
      },
    })
  let logins = 0

  const kit = {
    clock,
    store,
    forgejo,
    told,
    logged,
    vault: open(),

    /** What a broker that was killed and started again has: the same store, nothing in memory. */
    restart(keys?: Uint8Array[]) {
      kit.vault = open(keys)
      return kit.vault
    },

    /** A login that waits for Forgejo's code. */
    beginLogin() {
      const ticketHash = hashToken(`ticket-${++logins}`)
      const now = clock.now()
      store.logins.add(now, {
        ticketHash,
        browserHash: hashToken('browser'),
        purpose: 'page',
        phase: 'forgejo',
        sealedRequest: 'v1.x.y.z' as Sealed,
        expiresAt: now + 30 * MINUTE_MS,
      })
      return { ticketHash, code: `code-${logins}`, verifier: 'verifier' }
    },

    /** A whole login. */
    login: () => kit.vault.login(kit.beginLogin()),

    /** A whole login that comes through; returns the account's id. */
    async account(): Promise<string> {
      const login = await kit.login()
      if (!login.ok) throw new Error(login.error.reason)
      return login.value.accountId
    },

    /** The token that the vault gives now. */
    token(accountId: string): string {
      const credential = kit.vault.peek(accountId)
      if (credential.kind !== 'ready') throw new Error(JSON.stringify(credential))
      return credential.token
    },

    audited: (event: string) => store.audit.list({ event, limit: 100 }).map((row) => row.reason),

    bytesOnDisk: (): Buffer =>
      Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))),

    close(): void {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return kit
}
