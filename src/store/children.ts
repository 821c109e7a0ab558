import { asc, eq, sql } from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { children } from './schema-running.ts'

export type ChildRow = typeof children.$inferSelect

export interface NewChild {
  pid: number
  /** The kernel's start time with the boot id; '' where it is not known, then it is never swept. */
  startTime: string
  accountId: string
  /** Absent for a standby that no session has yet. */
  sessionHash?: TokenHash | null
}

/** The children that run now. What is left in here at start is a predecessor's. */
export function childStore(db: Db) {
  const removeOne = db
    .delete(children)
    .where(eq(children.pid, sql.placeholder('pid')))
    .prepare()
  return {
    /** Writes a child down at `now` (epoch ms). A row left under the same pid is of a process long gone. */
    add(now: number, child: NewChild): void {
      const row = { ...child, sessionHash: child.sessionHash ?? null, startedAt: now }
      db.insert(children).values(row).onConflictDoUpdate({ target: children.pid, set: row }).run()
    },

    /** Notes which session a standby was given to. */
    assign(pid: number, sessionHash: TokenHash): void {
      db.update(children).set({ sessionHash }).where(eq(children.pid, pid)).run()
    },

    /** All of them, the oldest first. */
    list(): ChildRow[] {
      return db.select().from(children).orderBy(asc(children.startedAt), asc(children.pid)).all()
    },

    /** Forgets a child that is gone; nothing happens when it is not there. */
    remove(pid: number): void {
      removeOne.run({ pid })
    },
  }
}
