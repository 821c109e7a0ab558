import type { Config } from '../../src/config.ts'
import { createApp } from '../../src/http/app.ts'
import type { HttpDeps } from '../../src/http/deps.ts'
import { type Fields, type Log, silentLog } from '../../src/log.ts'
import { createPermissions } from '../../src/mcp/permissions.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createConnections } from '../../src/oauth/connections.ts'
import { createPageSessions } from '../../src/oauth/page-session.ts'
import { createKit, type FlowKit } from '../oauth/flow-kit.ts'

export interface HttpKitOptions {
  config?: Partial<Config>
  deps?: Partial<HttpDeps>
}

/** The line that a log was given. */
export interface Line {
  level: 'debug' | 'info' | 'warn' | 'error'
  event: string
  fields: Fields
}

function recordingLog(lines: Line[]): Log {
  const write =
    (level: Line['level']) =>
    (event: string, fields: Fields = {}) => {
      lines.push({ level, event, fields })
    }
  return {
    ...silentLog,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
}

const notHere = (): never => {
  throw new Error('these tests open no session')
}

/** The HTTP surface over the real authorization server; only Forgejo's answers are scripted. */
export function createHttpKit(options: HttpKitOptions = {}) {
  const flow: FlowKit = createKit()
  const lines: Line[] = []
  const config: Config = {
    ...flow.config,
    listen: { kind: 'tcp', host: '127.0.0.1', port: 8080 },
    forgejoInternalUrl: flow.config.forgejoUrl,
    forgejoClientId: 'id',
    forgejoClientSecret: 'secret',
    forgejoMcpBinary: 'forgejo-mcp',
    childCredential: 'relay',
    storePath: ':memory:',
    key: undefined,
    maxSessions: 50,
    maxSessionsPerUser: 10,
    sessionIdleTimeoutMs: 900_000,
    sessionMaxAgeMs: 0,
    callTimeoutMs: 300_000,
    refreshLeadMs: 300_000,
    allowedOrigins: [],
    trustedProxies: [],
    rateLimit: true,
    metricsListen: undefined,
    maxBodyBytes: 32 * 1024 * 1024,
    childMemoryBytes: 64 * 1024 * 1024,
    shutdownGraceMs: 10_000,
    logFormat: 'json',
    debug: false,
    ...options.config,
  }
  const deps: HttpDeps = {
    config,
    clock: flow.clock,
    log: recordingLog(lines),
    metrics: createMetrics(),
    policy: flow.policy,
    clients: flow.clients,
    authorization: flow.authorization,
    tokens: flow.tokens,
    verifier: flow.verifier,
    vault: {
      deadReason() {
        const { credential } = flow.forgejo
        return credential.kind === 'dead' ? credential.reason : undefined
      },
    },
    pages: createPageSessions(flow),
    connections: createConnections({
      store: flow.store,
      clock: flow.clock,
      config,
      vault: { peek: () => flow.forgejo.credential },
      revocation: flow.revocation,
      awake: () => new Map(),
      stateless: () => new Map(),
      changed() {},
    }),
    permissions: createPermissions({ supported: flow.policy.scopesSupported }),
    stepUps: { refused: () => 'challenge' },
    registry: {
      initialize: notHere,
      find: () => ({ ok: false, error: 'not-found' }),
      end: notHere,
      modern: { request: notHere },
    },
    probes: {
      leaving: () => false,
      store: () => true,
      binary: () => true,
      forgejo: async () => true,
    },
    build: { version: '1.2.3', revision: 'abc', date: '2026-08-01' },
    ...options.deps,
  }
  const app = createApp(deps)
  const host = new URL(config.publicUrl).host

  return {
    app,
    deps,
    flow,
    lines,
    /** Sends a request for a path of the public URL; `null` as a header's value leaves it out. */
    async send(
      path: string,
      init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string | null> } = {},
    ) {
      const headers = new Headers({ host })
      for (const [name, value] of Object.entries(init.headers ?? {})) {
        if (value === null) headers.delete(name)
        else headers.set(name, value)
      }
      return await app.fetch(new Request(`http://${host}${path}`, { ...init, headers }))
    },
    close: () => flow.close(),
  }
}

export type HttpKit = ReturnType<typeof createHttpKit>

/** Request options that post a form. */
export const form = (fields: Record<string, string>, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  body: new URLSearchParams(fields).toString(),
})

/** Request options that post JSON. */
export const json = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})
