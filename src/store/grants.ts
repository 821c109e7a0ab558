import { and, desc, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import { accounts, clients, grants } from './schema.ts'

export type GrantRow = typeof grants.$inferSelect

/** A grant with the names that people know its two sides by. */
export interface NamedGrant extends GrantRow {
  login: string
  clientName: string
}

/** What each client may do for each account. At most one grant of a pair is live; revoked ones stay as history. */
export function grantStore(db: Db) {
  const liveScopes = db
    .select({ scopes: grants.scopes })
    .from(grants)
    .where(
      and(
        eq(grants.accountId, sql.placeholder('accountId')),
        eq(grants.clientId, sql.placeholder('clientId')),
        isNull(grants.revokedAt),
      ),
    )
    .prepare()
  return {
    /** The cap that the live grant of this account to this client sets; undefined when there is none. */
    liveScopes: (accountId: string, clientId: string): string[] | undefined =>
      liveScopes.get({ accountId, clientId })?.scopes,

    /** The live grant of this account to this client. */
    findLive(accountId: string, clientId: string): GrantRow | undefined {
      return db
        .select()
        .from(grants)
        .where(
          and(
            eq(grants.accountId, accountId),
            eq(grants.clientId, clientId),
            isNull(grants.revokedAt),
          ),
        )
        .get()
    },

    find(id: string): GrantRow | undefined {
      return db.select().from(grants).where(eq(grants.id, id)).get()
    },

    /** Records a new grant; a second live one of the same account and client is refused by the database. */
    add(
      now: number,
      grant: { id: string; accountId: string; clientId: string; scopes: readonly string[] },
    ): GrantRow {
      return db
        .insert(grants)
        .values({ ...grant, scopes: [...grant.scopes], createdAt: now, updatedAt: now })
        .returning()
        .get()
    },

    /** Sets the cap of a grant. */
    setScopes(now: number, id: string, scopes: readonly string[]): void {
      db.update(grants)
        .set({ scopes: [...scopes], updatedAt: now })
        .where(eq(grants.id, id))
        .run()
    },

    /** Revokes a live grant; undefined when there is none of that id, or it was revoked before. */
    revoke(now: number, id: string, reason: string): GrantRow | undefined {
      return db
        .update(grants)
        .set({ revokedAt: now, revokedReason: reason, updatedAt: now })
        .where(and(eq(grants.id, id), isNull(grants.revokedAt)))
        .returning()
        .get()
    },

    /** The live grants of an account, of a client or of both, newest first. */
    list(filter: { accountId?: string; clientId?: string }): NamedGrant[] {
      const where: SQL[] = [isNull(grants.revokedAt)]
      if (filter.accountId !== undefined) where.push(eq(grants.accountId, filter.accountId))
      if (filter.clientId !== undefined) where.push(eq(grants.clientId, filter.clientId))
      return db
        .select({ grant: grants, login: accounts.login, clientName: clients.name })
        .from(grants)
        .innerJoin(accounts, eq(accounts.id, grants.accountId))
        .innerJoin(clients, eq(clients.id, grants.clientId))
        .where(and(...where))
        .orderBy(desc(grants.createdAt))
        .all()
        .map(({ grant, login, clientName }) => ({ ...grant, login, clientName }))
    },
  }
}
