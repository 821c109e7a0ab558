import { and, eq, gt, inArray, isNull, lt, notExists, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import { forgetSome } from './forget.ts'
import {
  accessTokens,
  accounts,
  clients,
  codes,
  families,
  grants,
  refreshTokens,
} from './schema.ts'
import { sessions } from './schema-running.ts'

/** What a valid bearer token resolves to. `scopes` is what its family and its grant both allow. */
export interface Caller {
  accountId: string
  clientId: string
  grantId: string
  familyId: string
  login: string
  scopes: readonly string[]
}

export type FamilyRow = typeof families.$inferSelect

/** A family with everything that decides whether its tokens are good. */
export interface Standing {
  familyId: string
  familyScopes: string[]
  familyRevokedAt: number | null
  /** When a token of it was last used, to within a few minutes. */
  lastUsedAt: number | null
  resource: string
  grantId: string
  grantScopes: string[]
  grantRevokedAt: number | null
  clientId: string
  clientRevokedAt: number | null
  accountId: string
  sub: string
  login: string
}

/** The columns of a Standing, for a query that joins families, grants, clients and accounts. */
export const standing = {
  familyId: families.id,
  familyScopes: families.scopes,
  familyRevokedAt: families.revokedAt,
  lastUsedAt: families.lastUsedAt,
  resource: families.resource,
  grantId: grants.id,
  grantScopes: grants.scopes,
  grantRevokedAt: grants.revokedAt,
  clientId: clients.id,
  clientRevokedAt: clients.revokedAt,
  accountId: accounts.id,
  sub: accounts.sub,
  login: accounts.login,
}

/** Families: one login each, with its own scopes and the chain of tokens that came of it. */
export function familyStore(db: Db) {
  const liveTokens = (now: number) => [
    notExists(
      db
        .select({ one: sql`1` })
        .from(refreshTokens)
        .where(and(eq(refreshTokens.familyId, families.id), gt(refreshTokens.expiresAt, now))),
    ),
    notExists(
      db
        .select({ one: sql`1` })
        .from(accessTokens)
        .where(and(eq(accessTokens.familyId, families.id), gt(accessTokens.expiresAt, now))),
    ),
    notExists(
      db
        .select({ one: sql`1` })
        .from(codes)
        .where(and(eq(codes.familyId, families.id), gt(codes.expiresAt, now))),
    ),
  ]
  return {
    /** Records the family that a login at `now` (epoch ms) opens. */
    add(
      now: number,
      family: { id: string; grantId: string; scopes: readonly string[]; resource: string },
    ): void {
      db.insert(families)
        .values({ ...family, scopes: [...family.scopes], createdAt: now })
        .run()
    },

    find(id: string): FamilyRow | undefined {
      return db.select().from(families).where(eq(families.id, id)).get()
    },

    /** The families of a grant that are not revoked. */
    liveOfGrant(grantId: string): FamilyRow[] {
      return db
        .select()
        .from(families)
        .where(and(eq(families.grantId, grantId), isNull(families.revokedAt)))
        .all()
    },

    /** Those of the families that nobody may use any more: they, their grant or their client were revoked. */
    dead(ids: readonly string[]): string[] {
      if (ids.length === 0) return []
      const living = db
        .select({ id: families.id })
        .from(families)
        .innerJoin(grants, eq(grants.id, families.grantId))
        .innerJoin(clients, eq(clients.id, grants.clientId))
        .where(
          and(
            inArray(families.id, [...ids]),
            isNull(families.revokedAt),
            isNull(grants.revokedAt),
            isNull(clients.revokedAt),
          ),
        )
        .all()
        .map(({ id }) => id)
      return ids.filter((id) => !living.includes(id))
    },

    setScopes(id: string, scopes: readonly string[]): void {
      db.update(families)
        .set({ scopes: [...scopes] })
        .where(eq(families.id, id))
        .run()
    },

    /** Notes that a token of the family was used. */
    touch(now: number, id: string): void {
      db.update(families).set({ lastUsedAt: now }).where(eq(families.id, id)).run()
    },

    /** Revokes a live family; false when it was revoked before or never was. */
    revoke(now: number, id: string, reason: string): boolean {
      const revoked = db
        .update(families)
        .set({ revokedAt: now, revokedReason: reason })
        .where(and(eq(families.id, id), isNull(families.revokedAt)))
        .returning({ id: families.id })
        .all()
      return revoked.length === 1
    },

    /** Revokes the live families of a grant and returns their ids. */
    revokeOfGrant(now: number, grantId: string, reason: string): string[] {
      return db
        .update(families)
        .set({ revokedAt: now, revokedReason: reason })
        .where(and(eq(families.grantId, grantId), isNull(families.revokedAt)))
        .returning({ id: families.id })
        .all()
        .map(({ id }) => id)
    },

    /** Revokes the live families of an account, under whatever grant, and returns their ids. */
    revokeOfAccount(now: number, accountId: string, reason: string): string[] {
      const ofAccount = db
        .select({ id: grants.id })
        .from(grants)
        .where(eq(grants.accountId, accountId))
      return db
        .update(families)
        .set({ revokedAt: now, revokedReason: reason })
        .where(and(inArray(families.grantId, ofAccount), isNull(families.revokedAt)))
        .returning({ id: families.id })
        .all()
        .map(({ id }) => id)
    },

    /**
     * Deletes up to `limit` families that nothing can come of any more: created before `before`, no code, access or
     * refresh token that is good at `now`, no session that goes on. Returns how many went.
     */
    forget(now: number, before: number, limit: number): number {
      const living = db
        .select({ one: sql`1` })
        .from(sessions)
        .where(and(eq(sessions.familyId, families.id), isNull(sessions.endedAt)))
      const dead = and(lt(families.createdAt, before), ...liveTokens(now), notExists(living))
      return forgetSome(db, families.id, dead, limit)
    },
  }
}
