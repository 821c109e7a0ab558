import { and, desc, eq, gte, isNull, lt, lte, max, or, type SQL, sql } from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { AuditName } from './audit-events.ts'
import type { Db } from './db.ts'
import { forgetSome } from './forget.ts'
import { audit } from './schema-running.ts'

/** A security-relevant event. `reason` says why in words and never holds a secret. */
export interface AuditEvent {
  event: AuditName
  accountId?: string | null
  clientId?: string | null
  familyId?: string | null
  sessionHash?: TokenHash | null
  reason?: string | null
}

export type AuditRow = typeof audit.$inferSelect

export interface AuditFilter {
  /** Epoch ms; `since` is the first moment that counts, `until` the last. */
  since?: number
  until?: number
  /** An event by its whole name, or all of one kind by what stands before the dot. */
  event?: string
  accountId?: string
  clientId?: string
  familyId?: string
  /** The start of a session's hash. */
  session?: string
  limit: number
}

/** What stands for itself in a LIKE pattern. */
const HEX = /^[0-9a-f]{1,64}$/

/** The audit trail: append, list newest first, forget the old. */
export function auditStore(db: Db) {
  return {
    /** Writes one event at `now` (epoch ms). */
    add(now: number, event: AuditEvent): void {
      db.insert(audit)
        .values({ at: now, ...event })
        .run()
    },

    /** The newest events that match, newest first. */
    list(filter: AuditFilter): AuditRow[] {
      const where: SQL[] = []
      if (filter.since !== undefined) where.push(gte(audit.at, filter.since))
      if (filter.until !== undefined) where.push(lte(audit.at, filter.until))
      if (filter.event !== undefined)
        where.push(
          sql`(${audit.event} = ${filter.event} OR ${audit.event} GLOB ${`${filter.event.replace(/[^a-z-]/g, '')}.*`})`,
        )
      if (filter.accountId !== undefined) where.push(eq(audit.accountId, filter.accountId))
      if (filter.clientId !== undefined) where.push(eq(audit.clientId, filter.clientId))
      if (filter.familyId !== undefined) where.push(eq(audit.familyId, filter.familyId))
      if (filter.session !== undefined)
        where.push(
          HEX.test(filter.session)
            ? sql`${audit.sessionHash} LIKE ${`${filter.session}%`}`
            : sql`false`,
        )
      return db
        .select()
        .from(audit)
        .where(and(...where))
        .orderBy(desc(audit.id))
        .limit(filter.limit)
        .all()
    },

    /** What concerns one client of an account, and the account as a whole; newest first, at most `limit`. */
    story(accountId: string, clientId: string, limit: number): AuditRow[] {
      return db
        .select()
        .from(audit)
        .where(
          and(
            eq(audit.accountId, accountId),
            or(eq(audit.clientId, clientId), isNull(audit.clientId)),
          ),
        )
        .orderBy(desc(audit.at), desc(audit.id))
        .limit(limit)
        .all()
    },

    /** Deletes up to `limit` events that are older than `before` (epoch ms); returns how many went. */
    forget(before: number, limit: number): number {
      return forgetSome(db, audit.id, lt(audit.at, before), limit)
    },

    /** Deletes up to `limit` of the oldest events beyond the newest `keep`; returns how many went. */
    forgetBeyond(keep: number, limit: number): number {
      const newest =
        db
          .select({ id: max(audit.id) })
          .from(audit)
          .get()?.id ?? 0
      return forgetSome(db, audit.id, lte(audit.id, newest - keep), limit)
    },
  }
}
