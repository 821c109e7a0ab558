import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { hash, list } from './columns.ts'
import { ofAccount, ofFamily } from './schema.ts'

// What runs and what happened; schema.ts has who may do what, and the conventions.

/** Small facts about the store itself: the sealing key's check, the last good Forgejo version. */
export const facts = sqliteTable('facts', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

/** Legacy-era MCP sessions. A session is a row; its child is a cache. */
export const sessions = sqliteTable(
  'sessions',
  {
    idHash: hash('id_hash').primaryKey(),
    accountId: ofAccount().notNull(),
    clientId: text('client_id').notNull(),
    familyId: ofFamily().notNull(),
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
    index('sessions_closing').on(t.closeRequestedAt).where(sql`close_requested_at IS NOT NULL`),
    index('sessions_ended').on(t.endedAt).where(sql`ended_at IS NOT NULL`),
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
  accountId: ofAccount().notNull(),
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
