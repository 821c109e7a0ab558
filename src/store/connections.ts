import { and, count, desc, eq, exists, gt, isNull, max, or, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import { accessTokens, clients, codes, families, grants, refreshTokens } from './schema.ts'
import { sessions } from './schema-running.ts'

/** A login under a grant that was not revoked. */
export interface ConnectionLogin {
  grantId: string
  scopes: string[]
  lastUsedAt: number | null
  /** Whether any of its tokens is good still. */
  live: boolean
}

/** How the sessions of one client stand: those that have not ended. */
export interface ConnectionSessions {
  clientId: string
  sessions: number
  lastUsedAt: number | null
}

/** What an account's own page shows: its live grants and what came of them. Times are epoch ms. */
export function connectionStore(db: Db) {
  const some = (table: typeof refreshTokens | typeof accessTokens | typeof codes, now: number) =>
    exists(
      db
        .select({ one: sql`1` })
        .from(table)
        .where(and(eq(table.familyId, families.id), gt(table.expiresAt, now))),
    )
  return {
    /** The account's live grants with their clients, the newest first, at most `limit`. */
    grants(accountId: string, limit: number) {
      return db
        .select({
          id: grants.id,
          clientId: grants.clientId,
          scopes: grants.scopes,
          createdAt: grants.createdAt,
          kind: clients.kind,
          name: clients.name,
          redirectUris: clients.redirectUris,
        })
        .from(grants)
        .innerJoin(clients, eq(clients.id, grants.clientId))
        .where(and(eq(grants.accountId, accountId), isNull(grants.revokedAt)))
        .orderBy(desc(grants.createdAt), desc(grants.id))
        .limit(limit)
        .all()
    },

    /** The logins under the account's live grants, at `now`. */
    logins(now: number, accountId: string): ConnectionLogin[] {
      const live = or(some(refreshTokens, now), some(accessTokens, now), some(codes, now))
      return db
        .select({
          grantId: families.grantId,
          scopes: families.scopes,
          lastUsedAt: families.lastUsedAt,
          live: sql<number>`${live}`.mapWith(Boolean),
        })
        .from(families)
        .innerJoin(grants, eq(grants.id, families.grantId))
        .where(
          and(
            eq(grants.accountId, accountId),
            isNull(grants.revokedAt),
            isNull(families.revokedAt),
          ),
        )
        .all()
    },

    /** The account's sessions that have not ended, counted for each client. */
    sessions(accountId: string): ConnectionSessions[] {
      return db
        .select({
          clientId: sessions.clientId,
          sessions: count(),
          lastUsedAt: max(sessions.lastUsedAt),
        })
        .from(sessions)
        .where(and(eq(sessions.accountId, accountId), isNull(sessions.endedAt)))
        .groupBy(sessions.clientId)
        .all()
    },
  }
}
