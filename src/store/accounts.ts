import { eq, sql } from 'drizzle-orm'
import { randomId } from '../crypto.ts'
import type { Db } from './db.ts'
import { accounts } from './schema.ts'

export type AccountRow = typeof accounts.$inferSelect

/** Forgejo's users as far as they logged in here, keyed by `sub`. */
export function accountStore(db: Db) {
  const byId = db
    .select()
    .from(accounts)
    .where(eq(accounts.id, sql.placeholder('id')))
    .prepare()
  const bySub = db
    .select()
    .from(accounts)
    .where(eq(accounts.sub, sql.placeholder('sub')))
    .prepare()
  return {
    get(id: string): AccountRow | undefined {
      return byId.get({ id })
    },

    findBySub(sub: string): AccountRow | undefined {
      return bySub.get({ sub })
    },

    /** Records a login at `now` (epoch ms): the same `sub` is the same account, whatever it calls itself today. */
    loggedIn(now: number, user: { sub: string; login: string }): AccountRow {
      return db
        .insert(accounts)
        .values({ id: randomId('account'), ...user, createdAt: now, lastLoginAt: now })
        .onConflictDoUpdate({
          target: accounts.sub,
          set: { login: user.login, lastLoginAt: now },
        })
        .returning()
        .get()
    },
  }
}
