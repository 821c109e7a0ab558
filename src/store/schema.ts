import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { Sealed, TokenHash } from '../crypto.ts'

// Conventions: `*_at` columns are epoch milliseconds; `*_hash` columns are SHA-256 in hex;
// `sealed*` columns are AES-256-GCM bound to "<table>.<column>:<row key>". docs/storage.md says the same in words.

const hash = (name: string) => text(name).$type<TokenHash>()
const sealed = (name: string) => text(name).$type<Sealed>()
const list = (name: string) => text(name, { mode: 'json' }).$type<string[]>()

/** Small facts about the store itself: the sealing key's check, the last good Forgejo version. */
export const facts = sqliteTable('facts', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

/** A Forgejo user, keyed by the userinfo `sub`; the login may be renamed. */
export const accounts = sqliteTable('accounts', {
  id: text('id').primaryKey(),
  sub: text('sub').notNull().unique(),
  login: text('login').notNull(),
  createdAt: integer('created_at').notNull(),
  lastLoginAt: integer('last_login_at').notNull(),
})

/** The one upstream credential of an account. */
export const vaults = sqliteTable('vaults', {
  accountId: text('account_id')
    .primaryKey()
    .references(() => accounts.id, { onDelete: 'cascade' }),
  /** JSON {accessToken, refreshToken}; null once dead. */
  sealedPair: sealed('sealed_pair'),
  /** Counts stored pairs; a reader with an older number holds an older token. */
  generation: integer('generation').notNull(),
  /** Forgejo's grant id and counter inside the refresh token, where it has them. */
  gnt: text('gnt'),
  cnt: integer('cnt'),
  /** Scopes Forgejo granted, by introspection; null where it could not be asked. */
  scopes: list('scopes'),
  obtainedAt: integer('obtained_at').notNull(),
  accessExpiresAt: integer('access_expires_at').notNull(),
  refreshExpiresAt: integer('refresh_expires_at').notNull(),
  /** Set before a refresh is sent and cleared with its outcome. */
  attemptAt: integer('attempt_at'),
  /** How often the attempt of this generation was repeated after it was lost. */
  attempts: integer('attempts').notNull().default(0),
  /** Transient failures in a row, and when the next try may be made. */
  failures: integer('failures').notNull().default(0),
  retryAt: integer('retry_at'),
  lastFailure: text('last_failure'),
  deadAt: integer('dead_at'),
  deadReason: text('dead_reason'),
})

/** An MCP client: pre-registered, dynamically registered, or a client-id metadata document. */
export const clients = sqliteTable(
  'clients',
  {
    /** The `client_id`: random, or the metadata document's URL. */
    id: text('id').primaryKey(),
    kind: text('kind', { enum: ['preregistered', 'dynamic', 'document'] }).notNull(),
    name: text('name').notNull(),
    redirectUris: list('redirect_uris').notNull(),
    /** The registered metadata as it is answered, JSON. */
    metadata: text('metadata', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    /** SHA-256 of the canonical registration: identical ones are one client. */
    fingerprint: text('fingerprint'),
    createdAt: integer('created_at').notNull(),
    lastUsedAt: integer('last_used_at'),
    /** When the metadata document was last fetched well, and until when it is fresh. */
    fetchedAt: integer('fetched_at'),
    freshUntil: integer('fresh_until'),
    revokedAt: integer('revoked_at'),
  },
  (t) => [
    uniqueIndex('clients_fingerprint').on(t.fingerprint).where(sql`revoked_at IS NULL`),
    index('clients_created').on(t.kind, t.createdAt),
  ],
)

/** What one client may do for one account: the cap over all its logins. */
export const grants = sqliteTable(
  'grants',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id')
      .notNull()
      .references(() => accounts.id, { onDelete: 'cascade' }),
    clientId: text('client_id')
      .notNull()
      .references(() => clients.id, { onDelete: 'cascade' }),
    scopes: list('scopes').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    revokedAt: integer('revoked_at'),
    revokedReason: text('revoked_reason'),
  },
  (t) => [
    uniqueIndex('grants_live').on(t.accountId, t.clientId).where(sql`revoked_at IS NULL`),
    index('grants_client').on(t.clientId),
  ],
)

/** One login under a grant: its scopes, and the chain of tokens that came of it. */
export const families = sqliteTable(
  'families',
  {
    id: text('id').primaryKey(),
    grantId: text('grant_id')
      .notNull()
      .references(() => grants.id, { onDelete: 'cascade' }),
    scopes: list('scopes').notNull(),
    resource: text('resource').notNull(),
    createdAt: integer('created_at').notNull(),
    lastUsedAt: integer('last_used_at'),
    revokedAt: integer('revoked_at'),
    revokedReason: text('revoked_reason'),
  },
  (t) => [index('families_grant').on(t.grantId)],
)

/** An authorization in progress: from /oauth/authorize until Forgejo sends the browser back. */
export const logins = sqliteTable(
  'logins',
  {
    /** The consent form's ticket; also the `state` that Forgejo is given. */
    ticketHash: hash('ticket_hash').primaryKey(),
    /** The cookie of the browser that began it. */
    browserHash: hash('browser_hash').notNull(),
    purpose: text('purpose', { enum: ['client', 'page'] }).notNull(),
    phase: text('phase', { enum: ['consent', 'forgejo', 'done'] }).notNull(),
    clientId: text('client_id').references(() => clients.id, { onDelete: 'cascade' }),
    /** JSON of the validated authorize request, and of the PKCE verifier towards Forgejo. */
    sealedRequest: sealed('sealed_request').notNull(),
    /** A token pair that Forgejo gave before its user was known. */
    sealedPair: sealed('sealed_pair'),
    pairAt: integer('pair_at'),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (t) => [index('logins_expiry').on(t.expiresAt)],
)

/** Authorization codes: single use, 60 s. */
export const codes = sqliteTable(
  'codes',
  {
    codeHash: hash('code_hash').primaryKey(),
    familyId: text('family_id')
      .notNull()
      .references(() => families.id, { onDelete: 'cascade' }),
    clientId: text('client_id').notNull(),
    redirectUri: text('redirect_uri').notNull(),
    codeChallenge: text('code_challenge').notNull(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    consumedAt: integer('consumed_at'),
  },
  (t) => [index('codes_expiry').on(t.expiresAt)],
)

/** Access tokens that clients hold. */
export const accessTokens = sqliteTable(
  'access_tokens',
  {
    tokenHash: hash('token_hash').primaryKey(),
    familyId: text('family_id')
      .notNull()
      .references(() => families.id, { onDelete: 'cascade' }),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    /** When it was first presented: its predecessor's grace ends then. */
    presentedAt: integer('presented_at'),
  },
  (t) => [
    index('access_tokens_family').on(t.familyId),
    index('access_tokens_expiry').on(t.expiresAt),
  ],
)

/** Refresh tokens that clients hold; a superseded one keeps its successor sealed under itself. */
export const refreshTokens = sqliteTable(
  'refresh_tokens',
  {
    tokenHash: hash('token_hash').primaryKey(),
    familyId: text('family_id')
      .notNull()
      .references(() => families.id, { onDelete: 'cascade' }),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    presentedAt: integer('presented_at'),
    supersededAt: integer('superseded_at'),
    successorHash: hash('successor_hash'),
    successorAccessHash: hash('successor_access_hash'),
    /** The answer that superseded it, sealed under a key derived from the presented token. */
    sealedSuccessor: sealed('sealed_successor'),
  },
  (t) => [
    index('refresh_tokens_family').on(t.familyId),
    index('refresh_tokens_expiry').on(t.expiresAt),
  ],
)

/** Legacy-era MCP sessions. A session is a row; its child is a cache. */
export const sessions = sqliteTable(
  'sessions',
  {
    idHash: hash('id_hash').primaryKey(),
    accountId: text('account_id')
      .notNull()
      .references(() => accounts.id, { onDelete: 'cascade' }),
    clientId: text('client_id').notNull(),
    familyId: text('family_id')
      .notNull()
      .references(() => families.id, { onDelete: 'cascade' }),
    protocolVersion: text('protocol_version').notNull(),
    /** The client's `initialize` params, JSON text as rebuilt for the child. */
    initializeParams: text('initialize_params').notNull(),
    /** The child's answer to it, JSON text: a woken child is held against it. */
    initializeResult: text('initialize_result').notNull(),
    /** Whether the client said notifications/initialized. */
    initialized: integer('initialized', { mode: 'boolean' }).notNull().default(false),
    logLevel: text('log_level'),
    subscriptions: list('subscriptions').notNull(),
    /** The next event stream's number: event ids rise across restarts. */
    nextStream: integer('next_stream').notNull().default(1),
    createdAt: integer('created_at').notNull(),
    lastUsedAt: integer('last_used_at').notNull(),
    /** Requests served after `initialize`. */
    calls: integer('calls').notNull().default(0),
    closeRequestedAt: integer('close_requested_at'),
    endedAt: integer('ended_at'),
    endReason: text('end_reason'),
  },
  (t) => [
    index('sessions_owner').on(t.accountId, t.clientId),
    index('sessions_family').on(t.familyId),
    index('sessions_last_used').on(t.lastUsedAt),
  ],
)

/** Event streams that are open now, so that one resumed after a restart gets an answer or its own error. */
export const exchanges = sqliteTable(
  'exchanges',
  {
    sessionHash: hash('session_hash')
      .notNull()
      .references(() => sessions.idHash, { onDelete: 'cascade' }),
    stream: integer('stream').notNull(),
    /** The JSON-RPC id as the client wrote it; null for a GET stream. */
    requestId: text('request_id'),
    openedAt: integer('opened_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.sessionHash, t.stream] })],
)

/** Children running now: a predecessor's orphans are known by pid and kernel start time together. */
export const children = sqliteTable('children', {
  pid: integer('pid').primaryKey(),
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot, with the boot id before it. */
  startTime: text('start_time').notNull(),
  accountId: text('account_id').notNull(),
  sessionHash: hash('session_hash'),
  startedAt: integer('started_at').notNull(),
})

/** Browsers signed in to /connections. */
export const pageSessions = sqliteTable('page_sessions', {
  idHash: hash('id_hash').primaryKey(),
  accountId: text('account_id')
    .notNull()
    .references(() => accounts.id, { onDelete: 'cascade' }),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})

/** What happened, to whom and why; kept 90 days. */
export const audit = sqliteTable(
  'audit',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    event: text('event').notNull(),
    accountId: text('account_id'),
    clientId: text('client_id'),
    familyId: text('family_id'),
    sessionHash: hash('session_hash'),
    /** Why, in words; never a secret. */
    reason: text('reason'),
  },
  (t) => [index('audit_at').on(t.at), index('audit_account').on(t.accountId, t.at)],
)
