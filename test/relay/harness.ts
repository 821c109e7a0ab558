import { connect } from 'node:net'
import { silentLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import type { Credential } from '../../src/oauth/credential.ts'
import type { ChildAccess } from '../../src/relay/access.ts'
import type { RelayAudit } from '../../src/relay/context.ts'
import { type Relay, type RelayDeps, startRelay } from '../../src/relay/relay.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'

export interface Seen {
  method: string
  /** Path and query as they came over the wire. */
  target: string
  headers: Headers
  body: string
  /** Resolves when the relay hangs up before the answer is complete. */
  gone: Promise<void>
}

/** What the upstream says; the default is a small JSON answer. */
export type Handler = (
  seen: Seen,
  request: Request,
) => Response | undefined | Promise<Response | undefined>

/** A vault whose every answer the test sets. */
export interface FakeVault {
  current: Credential
  /** What a renewal leads to. */
  next: Credential
  calls: string[]
  /** Runs while a renewal is under way. */
  onRenew?: () => Promise<void>
  secretsOf: string[]
}

export const ready = (token: string, generation = 1): Credential => ({
  kind: 'ready',
  token,
  generation,
  expiresAt: 2_000_000_000_000,
})

export const later: Credential = {
  kind: 'later',
  retryAfterMs: 7_000,
  reason: 'Forgejo is down',
  operator: false,
}

export interface Bench extends AsyncDisposable {
  relay: Relay
  /** The relay's root. */
  base: string
  /** The upstream's origin. */
  upstream: string
  clock: ManualClock
  vault: FakeVault
  seen: Seen[]
  audits: RelayAudit[]
  fact: { value: string | undefined; writes: number }
  /** The live grant: undefined scopes mean it is gone. */
  grant: { scopes: readonly string[] | undefined }
  handler: Handler
  /** Forgejo goes down. */
  closeUpstream(): Promise<void>
  /** A leased child's access, with the version already known. */
  child(scopes?: readonly string[], accountId?: string): Promise<ChildAccess>
  /** A request as that child makes it. */
  ask(child: { credential: string }, path: string, init?: BunFetchRequestInit): Promise<Response>
}

export const ALL_SCOPES = ['read:user', 'write:repository', 'write:issue']
export const VERSION = JSON.stringify({ version: '15.0.3+gitea-1.22.0' })

interface Options {
  path?: string
  forgejoUrl?: string
  issuer?: string
  callTimeoutMs?: number
  /** Undefined: no version was ever learnt. */
  version?: string | undefined
}

/** A relay in front of a real HTTP server whose behaviour the test scripts. */
export function bench(handler: Handler = () => undefined, options: Options = {}): Bench {
  const seen: Seen[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const url = new URL(request.url)
      const gone = Promise.withResolvers<void>()
      request.signal.addEventListener('abort', () => gone.resolve())
      const entry: Seen = {
        method: request.method,
        target: url.pathname + url.search,
        headers: request.headers,
        body: '',
        gone: gone.promise,
      }
      seen.push(entry)
      const early = await self.handler(entry, request)
      if (!request.bodyUsed) entry.body = await request.text().catch(() => '[cut]')
      return early ?? Response.json({ path: entry.target })
    },
  })
  const upstream = `http://127.0.0.1:${server.port}`
  const clock = manualClock()
  const vault: FakeVault = {
    current: ready('token-one'),
    next: ready('token-two', 2),
    calls: [],
    secretsOf: ['token-one'],
  }
  const fact = { value: 'version' in options ? options.version : VERSION, writes: 0 }
  const audits: RelayAudit[] = []
  const grant: Bench['grant'] = { scopes: ALL_SCOPES }
  const deps: RelayDeps = {
    config: {
      forgejoUrl: options.forgejoUrl ?? 'https://forge.example',
      forgejoInternalUrl: upstream + (options.path ?? ''),
      forgejoScopes: ALL_SCOPES,
      callTimeoutMs: options.callTimeoutMs ?? 300_000,
      shutdownGraceMs: 10_000,
    },
    vault: {
      peek: () => vault.current,
      async renew() {
        vault.calls.push('renew')
        await vault.onRenew?.()
        vault.current = vault.next
        return vault.current
      },
      async rejected(_, token) {
        vault.calls.push(`rejected ${token}`)
        await vault.onRenew?.()
        vault.current = vault.next
        return vault.current
      },
      secrets: () => vault.secretsOf,
    },
    clock,
    log: silentLog,
    metrics: createMetrics(),
    facts: {
      get: () => fact.value,
      set(value) {
        fact.value = value
        fact.writes++
      },
    },
    audit: (event) => audits.push(event),
    scopesNow: ({ scopes }) => {
      const live = grant.scopes
      return live && scopes.filter((scope) => live.includes(scope))
    },
    issuer: () => options.issuer,
  }
  const relay = startRelay(deps)
  const base = `http://127.0.0.1:${relay.port}`
  const self: Bench = {
    relay,
    base,
    upstream,
    clock,
    vault,
    seen,
    audits,
    fact,
    grant,
    handler,
    closeUpstream: () => server.stop(true),
    async child(scopes = ALL_SCOPES, accountId = 'acc_1') {
      const access = await relay.open({ accountId, scopes, leased: true })
      if (!access.ok) throw new Error(access.error.reason)
      return access.value
    },
    ask: (child, path, init = {}) => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `token ${child.credential}`)
      return fetch(base + path, { redirect: 'manual', ...init, headers })
    },
    async [Symbol.asyncDispose]() {
      const stopped = relay.stop()
      await clock.advance(60_000)
      await stopped
      await server.stop(true)
    },
  }
  return self
}

/** Sends bytes to a port of ours and gives back everything that was answered until the connection closed. */
export function rawRequest(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let answer = ''
  const socket = connect(port, '127.0.0.1', () => socket.write(text))
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.on('close', () => resolve(answer))
  return promise
}

/** Waits until `check` holds, letting real I/O happen; bounded by the test's own timeout. */
export async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}
