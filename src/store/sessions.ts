import {
  and,
  asc,
  count,
  desc,
  eq,
  getTableColumns,
  inArray,
  isNotNull,
  isNull,
  lt,
  or,
  type SQL,
  sql,
} from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { clients, families, grants } from './schema.ts'
import { sessions } from './schema-running.ts'

export type SessionRow = typeof sessions.$inferSelect

/** What is known of a session when its child has answered `initialize`. */
export type NewSession = Pick<
  SessionRow,
  | 'idHash'
  | 'accountId'
  | 'clientId'
  | 'familyId'
  | 'protocolVersion'
  | 'initializeParams'
  | 'initializeResult'
>

/** What its use changes; absolute values, so that writing them twice does no harm. */
export type SessionUse = Pick<SessionRow, 'lastUsedAt' | 'calls' | 'nextStream'>

/** A session as a person wants to see it: without the stored handshake. */
export type SessionSummary = Omit<SessionRow, 'initializeParams' | 'initializeResult'>

/** A session that another process, or a revocation, wants ended. */
export interface Closing {
  idHash: TokenHash
  /** What asked for it. */
  cause: 'operator' | 'revoked'
}

const { initializeParams: _, initializeResult: __, ...summary } = getTableColumns(sessions)

/** Legacy-era sessions: who owns them, the handshake to replay, how they are used and how they ended. */
export function sessionStore(db: Db) {
  const idHash = sql.placeholder('idHash')
  const find = db.select().from(sessions).where(eq(sessions.idHash, idHash)).prepare()
  const write = db
    .update(sessions)
    .set({
      lastUsedAt: sql`${sql.placeholder('lastUsedAt')}`,
      calls: sql`${sql.placeholder('calls')}`,
      nextStream: sql`${sql.placeholder('nextStream')}`,
    })
    .where(eq(sessions.idHash, idHash))
    .prepare()

  /** Changes when another connection commits (SQLite, PRAGMA data_version). */
  let seenVersion: number | undefined = -1
  const dataVersion = (): number | undefined =>
    db.all<{ data_version: number }>(sql`PRAGMA data_version`)[0]?.data_version

  const living = (where: SQL | undefined): TokenHash[] =>
    db
      .select({ idHash: sessions.idHash })
      .from(sessions)
      .where(and(where, isNull(sessions.endedAt)))
      .all()
      .map((row) => row.idHash)

  const revokedFamilies = db
    .select({ id: families.id })
    .from(families)
    .innerJoin(grants, eq(grants.id, families.grantId))
    .innerJoin(clients, eq(clients.id, grants.clientId))
    .where(
      or(isNotNull(families.revokedAt), isNotNull(grants.revokedAt), isNotNull(clients.revokedAt)),
    )

  return {
    /** Adds a session made and last used at `now` (epoch ms). Throws SQLiteError when its family is gone. */
    add(now: number, session: NewSession): SessionRow {
      return db
        .insert(sessions)
        .values({ ...session, subscriptions: [], createdAt: now, lastUsedAt: now })
        .returning()
        .get()
    },

    /** One session, ended ones too. */
    get(hash: TokenHash): SessionRow | undefined {
      return find.get({ idHash: hash })
    },

    /** Writes down how it was used. */
    used(hash: TokenHash, use: SessionUse): void {
      write.run({ idHash: hash, ...use })
    },

    /** Writes down what a woken child must be told. */
    remember(
      hash: TokenHash,
      told: Partial<Pick<SessionRow, 'initialized' | 'logLevel' | 'subscriptions'>>,
    ): void {
      db.update(sessions).set(told).where(eq(sessions.idHash, hash)).run()
    },

    /** Ends a session at `now` (epoch ms), for good; false when it had ended before or never was. */
    end(now: number, hash: TokenHash, reason: string): boolean {
      return (
        db
          .update(sessions)
          .set({ endedAt: now, endReason: reason })
          .where(and(eq(sessions.idHash, hash), isNull(sessions.endedAt)))
          .returning({ idHash: sessions.idHash })
          .all().length > 0
      )
    },

    /**
     * The living sessions that were asked to close, and those whose family, grant or client another process revoked
     * since the last look. Cheap enough for every second.
     */
    closing(): Closing[] {
      const asked = living(isNotNull(sessions.closeRequestedAt))
      const closing = asked.map((hash): Closing => ({ idHash: hash, cause: 'operator' }))
      const version = dataVersion()
      if (version === seenVersion) return closing
      for (const idHash of living(inArray(sessions.familyId, revokedFamilies)))
        if (!asked.includes(idHash)) closing.push({ idHash, cause: 'revoked' })
      seenVersion = version
      return closing
    },

    /** Living sessions last used before `before` (epoch ms), the longest unused first, at most `limit`. */
    disused(before: number, limit: number): TokenHash[] {
      return db
        .select({ idHash: sessions.idHash })
        .from(sessions)
        .where(and(lt(sessions.lastUsedAt, before), isNull(sessions.endedAt)))
        .orderBy(asc(sessions.lastUsedAt))
        .limit(limit)
        .all()
        .map((row) => row.idHash)
    },

    /** The living sessions that a family opened. */
    ofFamily: (familyId: string): TokenHash[] => living(eq(sessions.familyId, familyId)),

    /** Sessions, the last used first; the ended ones only when asked for. */
    list(filter: { accountId?: string; ended?: boolean; limit: number }): SessionSummary[] {
      const where: SQL[] = []
      if (filter.accountId !== undefined) where.push(eq(sessions.accountId, filter.accountId))
      if (!filter.ended) where.push(isNull(sessions.endedAt))
      return db
        .select(summary)
        .from(sessions)
        .where(and(...where))
        .orderBy(desc(sessions.lastUsedAt))
        .limit(filter.limit)
        .all()
    },

    /** How many sessions live, asleep or awake. */
    count(): number {
      const all = db.select({ n: count() }).from(sessions).get()?.n ?? 0
      // Counted apart, because there is an index of the ended ones: the living are many.
      const ended = db
        .select({ n: count() })
        .from(sessions)
        .where(isNotNull(sessions.endedAt))
        .get()
      return all - (ended?.n ?? 0)
    },

    /** Deletes what ended before `before` (epoch ms); returns how many rows went. */
    forget(before: number): number {
      return db
        .delete(sessions)
        .where(lt(sessions.endedAt, before))
        .returning({ idHash: sessions.idHash })
        .all().length
    },
  }
}
