import { eq, lte, sql } from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { forgetSome } from './forget.ts'
import { accounts } from './schema.ts'
import { pageSessions } from './schema-running.ts'

/** A browser that is signed in, and as whom. Times are epoch ms. */
export interface PageSession {
  idHash: TokenHash
  accountId: string
  sub: string
  login: string
  createdAt: number
  expiresAt: number
}

/** Browsers signed in to the connections page. */
export function pageStore(db: Db) {
  const find = db
    .select({
      idHash: pageSessions.idHash,
      accountId: accounts.id,
      sub: accounts.sub,
      login: accounts.login,
      createdAt: pageSessions.createdAt,
      expiresAt: pageSessions.expiresAt,
    })
    .from(pageSessions)
    .innerJoin(accounts, eq(accounts.id, pageSessions.accountId))
    .where(eq(pageSessions.idHash, sql.placeholder('idHash')))
    .prepare()
  return {
    /** Records a browser that signed in at `now` (epoch ms). */
    add(now: number, page: { idHash: TokenHash; accountId: string; expiresAt: number }): void {
      db.insert(pageSessions)
        .values({ ...page, createdAt: now })
        .run()
    },

    /** The browser under that hash, expired or not. */
    find(idHash: TokenHash): PageSession | undefined {
      return find.get({ idHash }) as PageSession | undefined
    },

    /** Moves the end of a browser's visit. */
    extend(idHash: TokenHash, expiresAt: number): void {
      db.update(pageSessions).set({ expiresAt }).where(eq(pageSessions.idHash, idHash)).run()
    },

    /** Signs a browser out; false when it was not signed in. */
    remove(idHash: TokenHash): boolean {
      return (
        db
          .delete(pageSessions)
          .where(eq(pageSessions.idHash, idHash))
          .returning({ idHash: pageSessions.idHash })
          .all().length > 0
      )
    },

    /** Signs every browser of an account out. */
    removeOfAccount(accountId: string): void {
      db.delete(pageSessions).where(eq(pageSessions.accountId, accountId)).run()
    },

    /** Deletes up to `limit` visits that ended by `now`; returns how many went. */
    forget(now: number, limit: number): number {
      return forgetSome(db, pageSessions.idHash, lte(pageSessions.expiresAt, now), limit)
    },
  }
}
