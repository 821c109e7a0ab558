import { Database } from 'bun:sqlite'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/clock.ts'
import { createSealer, randomKey, randomToken, s256 } from '../../src/crypto.ts'
import { OAuthError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createAuthorization } from '../../src/oauth/authorization.ts'
import { type Client, createClients } from '../../src/oauth/clients.ts'
import type { Credential, LoggedIn, LoginFailure } from '../../src/oauth/credential.ts'
import type { TokenResponse } from '../../src/oauth/mint.ts'
import type { AuthorizeOutcome, ConsentView, Problem } from '../../src/oauth/outcome.ts'
import { createPolicy } from '../../src/oauth/policy.ts'
import { createRevocation } from '../../src/oauth/revoke.ts'
import { createStepUps } from '../../src/oauth/step-up.ts'
import { createTokens } from '../../src/oauth/token.ts'
import { createVerifier } from '../../src/oauth/verify.ts'
import { err, ok } from '../../src/result.ts'
import { BROKER_BUSY_MS, openStore } from '../../src/store/open.ts'
import { manualClock } from '../fixtures/clock.ts'

export const ISSUER = 'https://broker.example'
export const FORGEJO = 'https://forge.example'
export const CALLBACK = 'https://app.example/callback'

/** One user's way through: what a test may want to look at, or use again. */
export interface Way {
  browser: string
  ticket: string
  /** The state that Forgejo was given. */
  upstreamState: string
  verifier: string
  /** The client's own state. */
  state: string
}

export type FlowKit = ReturnType<typeof createKit>

/**
 * The flow side over a real database file; Forgejo's answers are scripted values. Everything random that a test
 * used is in `secrets`.
 */
export function createKit() {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-flow-'))
  const path = join(folder, 'broker.db')
  const clock = manualClock()
  const store = openStore({ path, clock, busyTimeoutMs: BROKER_BUSY_MS })
  const config = {
    publicUrl: ISSUER,
    forgejoUrl: FORGEJO,
    forgejoScopes: ['read:user', 'write:repository', 'write:issue'],
    allowedUsers: [] as string[],
    accessTokenTtlMs: HOUR_MS,
    refreshTokenTtlMs: 30 * DAY_MS,
    refreshGraceMs: 30 * SECOND_MS,
  }
  const policy = createPolicy(config)
  const metrics = createMetrics()
  const fetcher = async (): Promise<never> => {
    throw new Error('these tests fetch nothing')
  }
  const clients = createClients({ store, policy, clock, log: silentLog, fetcher })

  /** What Forgejo would say next. */
  const forgejo = {
    user: { sub: '1', login: 'alice' },
    missingScopes: [] as string[],
    failure: undefined as LoginFailure | undefined,
    credential: { kind: 'ready', token: 'upstream', generation: 1, expiresAt: 0 } as Credential,
    /** The codes that were exchanged. */
    exchanged: [] as { code: string; verifier: string }[],
  }
  const accountOf = ({ sub, login }: { sub: string; login: string }): string => {
    const db = new Database(path)
    db.run('PRAGMA foreign_keys = ON')
    db.run(
      `INSERT INTO accounts (id, sub, login, created_at, last_login_at) VALUES (?, ?, ?, 1, 1)
       ON CONFLICT (sub) DO UPDATE SET login = excluded.login`,
      [`account_${sub}`, sub, login],
    )
    db.close()
    return `account_${sub}`
  }
  const vault = {
    peek: () => forgejo.credential,
    async login({ code, verifier }: { code: string; verifier: string }) {
      forgejo.exchanged.push({ code, verifier })
      if (forgejo.failure) return err(forgejo.failure)
      const { user, missingScopes } = forgejo
      const loggedIn: LoggedIn = { ...user, missingScopes, accountId: accountOf(user) }
      return ok(loggedIn)
    },
  }
  const upstream = {
    authorizeUrl: (state: string, verifier: string) =>
      `${FORGEJO}/login/oauth/authorize?state=${state}&code_challenge=${s256(verifier)}`,
  }
  /** Families whose end the rest of the broker was told of. */
  const ended: { familyId: string; reason: string }[] = []
  const revocation = createRevocation({
    store,
    clock,
    events: { familyEnded: (familyId, reason) => ended.push({ familyId, reason }) },
  })
  const shared = { store, policy, clients, vault, clock, log: silentLog, metrics, config }
  const sealer = createSealer([randomKey()])
  const stepUps = createStepUps({ store, clock })
  const authorization = createAuthorization({ ...shared, upstream, sealer, stepUps })
  const tokens = createTokens({ ...shared, revocation })
  const verifier = createVerifier({ store, clock, config })
  const secrets: string[] = []

  const kit = {
    clock,
    store,
    config,
    policy,
    clients,
    forgejo,
    ended,
    revocation,
    authorization,
    tokens,
    stepUps,
    verifier,
    secrets,

    /** Another process that is about to write, and takes its time. */
    holdStore() {
      const db = new Database(path)
      db.run('BEGIN IMMEDIATE')
      return { release: () => db.close() }
    },

    client: (name = 'App', redirectUris = [CALLBACK]): Client =>
      clients.register({ client_name: name, redirect_uris: redirectUris }).client,

    /** A good authorization request of a client; `undefined` leaves a parameter out. */
    query(client: Client, changes: Record<string, string | undefined> = {}): URLSearchParams {
      const good: Record<string, string | undefined> = {
        response_type: 'code',
        client_id: client.id,
        redirect_uri: client.redirectUris[0] ?? '',
        state: 'client-state',
        code_challenge: s256('v'.repeat(43)),
        code_challenge_method: 'S256',
        resource: policy.resource,
        ...changes,
      }
      const present = Object.entries(good).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as [string, string]],
      )
      return new URLSearchParams(present)
    },

    /** Walks as far as Forgejo's login page. */
    async toForgejo(
      client: Client,
      changes: Record<string, string | undefined> = {},
      cookie?: string,
    ): Promise<Way> {
      const verifier = randomToken()
      const state = randomToken()
      const query = kit.query(client, { code_challenge: s256(verifier), state, ...changes })
      const asked = consentOf(await authorization.begin(query, cookie))
      const form = new URLSearchParams({ ticket: asked.view.ticket, decision: 'allow' })
      const sent = locationOf(await authorization.decide(form, asked.browser))
      const upstreamState = sent.searchParams.get('state') ?? ''
      const way = {
        browser: asked.browser,
        ticket: asked.view.ticket,
        upstreamState,
        verifier,
        state,
      }
      secrets.push(...Object.values(way))
      return way
    },

    /** Forgejo sends the browser back. */
    async comeBack(
      way: Way,
      answer: Record<string, string> = { code: randomToken() },
      cookie: string | undefined = way.browser,
    ): Promise<AuthorizeOutcome> {
      secrets.push(...(answer.code ? [answer.code] : []))
      const query = new URLSearchParams({ ...answer, state: way.upstreamState })
      return authorization.callback(query, cookie)
    },

    /** The whole way to a code. */
    async login(client: Client, changes: Record<string, string | undefined> = {}) {
      const way = await kit.toForgejo(client, changes)
      const code = locationOf(await kit.comeBack(way)).searchParams.get('code') ?? ''
      secrets.push(code)
      return { ...way, code }
    },

    redeem(
      client: Client,
      login: { code: string; verifier: string },
      changes: Record<string, string> = {},
    ): Promise<TokenResponse> {
      return kit.exchange({
        grant_type: 'authorization_code',
        client_id: client.id,
        code: login.code,
        code_verifier: login.verifier,
        redirect_uri: client.redirectUris[0] ?? '',
        ...changes,
      })
    },

    /** The whole way to tokens. */
    async connect(client: Client, changes: Record<string, string | undefined> = {}) {
      return kit.redeem(client, await kit.login(client, changes))
    },

    refresh(client: Client, token: string, changes: Record<string, string> = {}) {
      return kit.exchange({
        grant_type: 'refresh_token',
        client_id: client.id,
        refresh_token: token,
        ...changes,
      })
    },

    async exchange(form: Record<string, string>): Promise<TokenResponse> {
      const answer = await tokens.exchange(new URLSearchParams(form))
      secrets.push(answer.access_token, answer.refresh_token)
      return answer
    },

    /** The audit's events of that name, as their reasons. */
    audited: (event: string) => store.audit.list({ event, limit: 100 }).map((row) => row.reason),

    /** Every byte that the database keeps on the disk. */
    bytesOnDisk: (): Buffer =>
      Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))),

    /** A second connection, as another process has. */
    sql<T>(text: string, ...values: (string | number)[]): T[] {
      const db = new Database(path)
      try {
        return db.query<T, (string | number)[]>(text).all(...values)
      } finally {
        db.close()
      }
    },

    close(): void {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return kit
}

/** The consent page of an outcome. */
export function consentOf(outcome: AuthorizeOutcome): { view: ConsentView; browser: string } {
  if (outcome.kind !== 'consent') throw new Error(`no consent page: ${JSON.stringify(outcome)}`)
  return outcome
}

/** Where an outcome redirects to. */
export function locationOf(outcome: AuthorizeOutcome): URL {
  if (outcome.kind !== 'redirect') throw new Error(`no redirect: ${JSON.stringify(outcome)}`)
  return new URL(outcome.location)
}

/** The local page of an outcome. */
export function pageOf(outcome: AuthorizeOutcome): Problem {
  if (outcome.kind !== 'page') throw new Error(`no page: ${JSON.stringify(outcome)}`)
  return outcome.problem
}

/** The OAuth error code that a promise is refused with. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof OAuthError) return error.code
    throw error
  }
  return 'not refused'
}
