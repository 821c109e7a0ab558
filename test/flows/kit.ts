import { Database } from 'bun:sqlite'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import type { Config } from '../../src/config.ts'
import { createSealer, randomKey, randomToken, s256 } from '../../src/crypto.ts'
import { createUpstream } from '../../src/forgejo/upstream.ts'
import { createApp } from '../../src/http/app.ts'
import { describe as describeError, type Log } from '../../src/log.ts'
import { createPermissions } from '../../src/mcp/permissions.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createAuthorization } from '../../src/oauth/authorization.ts'
import { createClients } from '../../src/oauth/clients.ts'
import { createConnections, type PermissionsChanged } from '../../src/oauth/connections.ts'
import { createPageSessions } from '../../src/oauth/page-session.ts'
import { createPolicy } from '../../src/oauth/policy.ts'
import { createRevocation } from '../../src/oauth/revoke.ts'
import { createStepUps } from '../../src/oauth/step-up.ts'
import { createTokens } from '../../src/oauth/token.ts'
import { createVault } from '../../src/oauth/vault.ts'
import { createVerifier } from '../../src/oauth/verify.ts'
import { BROKER_BUSY_MS, openStore } from '../../src/store/open.ts'
import { freePort } from '../fixtures/broker.ts'
import { type Browser, createBrowser, type LoginAs, loginAtForgejo } from '../fixtures/browser.ts'
import { manualClock } from '../fixtures/clock.ts'
import { startForgejo } from '../fixtures/forgejo/server.ts'

/** Where the client under test waits for its code. Nothing listens there: the browser stops in front of it. */
export const CALLBACK = 'http://127.0.0.1:9/callback'

export type Flow = Awaited<ReturnType<typeof startFlow>>

export interface FlowOptions {
  /** Forgejo's registration of the broker; confidential unless said otherwise. */
  confidential?: boolean
  allowedUsers?: string[]
}

/** What a client holds after a login. */
export interface Tokens {
  access_token: string
  refresh_token: string
  scope: string
  expires_in: number
}

/** The session side, which these tests have no use for. */
const noSessions = (): never => {
  throw new Error('these tests open no session')
}

/**
 * The whole authorization server on a real socket, over a real database file, in front of the Forgejo stand-in:
 * everything but sessions. Its clock stands still until it is moved.
 */
export async function startFlow(options: FlowOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-flow-'))
  const path = join(folder, 'broker.db')
  const port = freePort()
  const issuer = `http://127.0.0.1:${port}`
  const forgejo = await startForgejo()
  forgejo.registerApp({
    redirectUris: [`${issuer}/oauth/callback`],
    confidential: options.confidential ?? true,
  })
  const config: Config = {
    publicUrl: issuer,
    listen: { kind: 'tcp', host: '127.0.0.1', port },
    forgejoUrl: forgejo.url,
    forgejoInternalUrl: forgejo.url,
    forgejoClientId: forgejo.app.clientId,
    forgejoClientSecret: forgejo.app.clientSecret,
    forgejoScopes: ['read:user', 'write:repository', 'write:issue'],
    forgejoMcpBinary: 'forgejo-mcp',
    childCredential: 'relay',
    storePath: path,
    key: undefined,
    maxSessions: 50,
    maxSessionsPerUser: 10,
    sessionIdleTimeoutMs: 15 * MINUTE_MS,
    sessionMaxAgeMs: 30 * DAY_MS,
    callTimeoutMs: 5 * MINUTE_MS,
    accessTokenTtlMs: HOUR_MS,
    refreshTokenTtlMs: 30 * DAY_MS,
    refreshGraceMs: 30 * SECOND_MS,
    refreshLeadMs: 5 * MINUTE_MS,
    allowedUsers: options.allowedUsers ?? [],
    allowedOrigins: [],
    trustedProxies: [],
    rateLimit: false,
    metricsListen: undefined,
    maxBodyBytes: 1024 * 1024,
    childMemoryBytes: 0,
    shutdownGraceMs: 0,
    logFormat: 'json',
    debug: true,
  }
  const lines: string[] = []
  const write =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}) => {
      const clean = 'error' in fields ? { ...fields, error: describeError(fields.error) } : fields
      lines.push(JSON.stringify({ level, event, ...clean }))
    }
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: () => log,
  }

  const clock = manualClock(Date.now())
  const store = openStore({ path, clock, busyTimeoutMs: BROKER_BUSY_MS })
  const sealer = createSealer([randomKey()])
  const metrics = createMetrics()
  const policy = createPolicy(config)
  const upstream = createUpstream({ config, clock })
  const clients = createClients({ store, policy, clock, log })
  const ended: string[] = []
  const revocation = createRevocation({
    store,
    clock,
    events: { familyEnded: (familyId) => ended.push(familyId) },
  })
  const vault = createVault({
    store,
    upstream,
    sealer,
    clock,
    log,
    metrics,
    config,
    events: {
      renewed() {},
      healed() {},
      died(accountId, reason) {
        if (reason === 'revoked') revocation.endAccount(accountId, 'revoked at Forgejo')
      },
    },
  })
  const shared = { store, policy, clients, vault, clock, log, metrics, config }
  const verifier = createVerifier({ store, clock, config })
  const changes: PermissionsChanged[] = []
  const changed = (change: PermissionsChanged) => void changes.push(change)
  /** What the tests want the sessions to be like: sessions with a child, for each client. */
  const awakeNow = new Map<string, number>()
  const awake = () => awakeNow
  const statelessNow = new Map<string, number>()
  const stateless = () => statelessNow
  const stepUps = createStepUps({ store, clock })
  const app = createApp({
    config,
    clock,
    log,
    metrics,
    policy,
    clients,
    authorization: createAuthorization({ ...shared, upstream, sealer, stepUps }),
    tokens: createTokens({ ...shared, revocation }),
    verifier,
    vault,
    pages: createPageSessions({ store, clock, config }),
    connections: createConnections({ ...shared, revocation, awake, stateless, changed }),
    permissions: createPermissions({ supported: policy.scopesSupported }),
    stepUps,
    registry: {
      initialize: noSessions,
      find: noSessions,
      end: noSessions,
      modern: { request: noSessions },
    },
    probes: {
      leaving: () => false,
      store: () => true,
      binary: () => true,
      forgejo: async () => true,
    },
    build: { version: '0', revision: 'test', date: 'today' },
  })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    development: false,
    fetch: (request, self) => {
      app.server ??= self
      return app.fetch(request)
    },
  })
  /** Everything secret that passed through a client's or a browser's hands. */
  const secrets = new Set<string>()

  const post = async (where: string, fields: Record<string, string>) => {
    const answer = await fetch(`${issuer}${where}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    })
    const text = await answer.text()
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    return { status: answer.status, headers: answer.headers, body }
  }

  const flow = {
    issuer,
    forgejo,
    config,
    clock,
    store,
    vault,
    verifier,
    ended,
    changes,
    awakeNow,
    statelessNow,
    lines,
    secrets,
    post,

    async register(name = 'Test client', redirectUris = [CALLBACK]): Promise<string> {
      const answer = await fetch(`${issuer}/oauth/register`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ client_name: name, redirect_uris: redirectUris }),
      })
      return ((await answer.json()) as { client_id: string }).client_id
    },

    /** A new authorization request of a client. */
    request(clientId: string, changes: Record<string, string> = {}) {
      const verifier = randomToken()
      const state = randomToken()
      secrets.add(verifier).add(state)
      const url = new URL(`${issuer}/oauth/authorize`)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: CALLBACK,
        state,
        code_challenge: s256(verifier),
        code_challenge_method: 'S256',
        resource: policy.resource,
        ...changes,
      }).toString()
      return { url: url.href, verifier, state }
    },

    /** Walks a request through all pages; the URL that the client is called back at. */
    async walk(url: string, as: LoginAs, browser: Browser = createBrowser()): Promise<URL> {
      const back = new URL(await loginAtForgejo(browser, url, as))
      for (const request of forgejo.requests) {
        const { searchParams } = new URL(request.path, forgejo.url)
        const state = searchParams.get('state')
        if (state) secrets.add(state)
      }
      const cookie = browser.cookies.get('fjmcp_browser')
      if (cookie) secrets.add(cookie)
      const code = back.searchParams.get('code')
      if (code) secrets.add(code)
      return back
    },

    /** Walks a request until a page of ours with a problem shows; its status and text. */
    async walkToPage(url: string, as: LoginAs, browser: Browser = createBrowser()) {
      await loginAtForgejo(browser, url, as).catch(() => {})
      const { page } = browser
      return { status: page?.status, html: page?.html ?? '', url: new URL(page?.url ?? issuer) }
    },

    async redeem(clientId: string, code: string, verifier: string) {
      return flow.token({
        grant_type: 'authorization_code',
        client_id: clientId,
        code,
        code_verifier: verifier,
        redirect_uri: CALLBACK,
        resource: policy.resource,
      })
    },

    refresh: (clientId: string, refreshToken: string, changes: Record<string, string> = {}) =>
      flow.token({
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: refreshToken,
        ...changes,
      }),

    /** The token endpoint; the error code as a string when it refuses. */
    async token(fields: Record<string, string>): Promise<Tokens | string> {
      const { status, body } = await post('/oauth/token', fields)
      if (status !== 200) return String(body.error)
      const tokens = body as unknown as Tokens
      secrets.add(tokens.access_token).add(tokens.refresh_token)
      return tokens
    },

    /** From nothing to tokens. */
    async connect(clientId: string, user: string, changes: Record<string, string> = {}) {
      const { url, verifier } = flow.request(clientId, changes)
      const back = await flow.walk(url, { user })
      return got(await flow.redeem(clientId, back.searchParams.get('code') ?? '', verifier))
    },

    /** What /mcp thinks of a bearer token: 401, or 400 because it is no MCP request. */
    async present(token: string): Promise<number> {
      const answer = await fetch(`${issuer}/mcp`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
      await answer.body?.cancel()
      return answer.status
    },

    /** Every byte that the database keeps on the disk. */
    bytesOnDisk: (): Buffer =>
      Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))),

    rows<T>(text: string): T[] {
      const db = new Database(path, { readonly: true })
      try {
        return db.query<T, []>(text).all()
      } finally {
        db.close()
      }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      await server.stop(true)
      await forgejo.stop()
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return flow
}

/** Tokens, or the reason why there are none as an exception. */
export function got(answer: Tokens | string): Tokens {
  if (typeof answer === 'string') throw new Error(`no tokens: ${answer}`)
  return answer
}
