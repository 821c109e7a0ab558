import { and, desc, eq, gte, lt, type SQL } from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { audit } from './schema-running.ts'

/** A security-relevant event. `reason` says why in words and never holds a secret. */
export interface AuditEvent {
  event: string
  accountId?: string | null
  clientId?: string | null
  familyId?: string | null
  sessionHash?: TokenHash | null
  reason?: string | null
}

export type AuditRow = typeof audit.$inferSelect

export interface AuditFilter {
  since?: number
  event?: string
  accountId?: string
  clientId?: string
  limit: number
}

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
      if (filter.event !== undefined) where.push(eq(audit.event, filter.event))
      if (filter.accountId !== undefined) where.push(eq(audit.accountId, filter.accountId))
      if (filter.clientId !== undefined) where.push(eq(audit.clientId, filter.clientId))
      return db
        .select()
        .from(audit)
        .where(and(...where))
        .orderBy(desc(audit.id))
        .limit(filter.limit)
        .all()
    },

    /** Deletes what is older than `before` (epoch ms); returns how many rows went. */
    forget(before: number): number {
      return db.delete(audit).where(lt(audit.at, before)).returning({ id: audit.id }).all().length
    },
  }
}
