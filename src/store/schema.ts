import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { hash, list, sealed } from './columns.ts'

// Conventions: `*_at` columns are epoch milliseconds; `*_hash` columns are SHA-256 in hex;
// `sealed*` columns are AES-256-GCM bound to "<table>.<column>:<row key>". docs/storage.md says the same in words.

/** A Forgejo user, keyed by the userinfo `sub`; the login may be renamed. */
export const accounts = sqliteTable('accounts', {
  id: text('id').primaryKey(),
  sub: text('sub').notNull().unique(),
  login: text('login').notNull(),
  createdAt: integer('created_at').notNull(),
  lastLoginAt: integer('last_login_at').notNull(),
})

/** A column that goes with its account. */
export const ofAccount = () =>
  text('account_id').references(() => accounts.id, { onDelete: 'cascade' })

/** The one upstream credential of an account. */
export const vaults = sqliteTable('vaults', {
  accountId: ofAccount().primaryKey(),
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
    accountId: ofAccount().notNull(),
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

/** A column that goes with its family. */
export const ofFamily = () =>
  text('family_id').references(() => families.id, { onDelete: 'cascade' })

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
    familyId: ofFamily().notNull(),
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
    familyId: ofFamily().notNull(),
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
    familyId: ofFamily().notNull(),
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
