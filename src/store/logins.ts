import { and, count, eq, gt, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { Sealed, TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { forgetSome } from './forget.ts'
import { logins } from './schema.ts'

export interface NewLogin {
  ticketHash: TokenHash
  browserHash: TokenHash
  purpose: 'client' | 'page'
  /** `consent` while our own page waits for its form, `forgejo` while the browser is at Forgejo. */
  phase: 'consent' | 'forgejo'
  clientId?: string
  /** Bound to `loginContext(ticketHash)`. */
  sealedRequest: Sealed
  /** Epoch ms. */
  expiresAt: number
}

export type LoginRow = Omit<typeof logins.$inferSelect, 'sealedPair' | 'pairAt'>

/** Where a login's request is stored: what it is sealed to. */
export const loginContext = (ticketHash: TokenHash): string => `logins.sealed_request:${ticketHash}`

/** Logins kept at most, and how many go together so that not every new one has to make room. */
const MAX_LOGINS = 10_000
const SURPLUS_AT_ONCE = 100

/** Authorizations in progress. The token pair that a login may hold for a moment is the vault's matter. */
export function loginStore(db: Db) {
  const find = db
    .select({
      ticketHash: logins.ticketHash,
      browserHash: logins.browserHash,
      purpose: logins.purpose,
      phase: logins.phase,
      clientId: logins.clientId,
      sealedRequest: logins.sealedRequest,
      createdAt: logins.createdAt,
      expiresAt: logins.expiresAt,
    })
    .from(logins)
    .where(eq(logins.ticketHash, sql.placeholder('ticketHash')))
    .prepare()
  const total = db.select({ rows: count() }).from(logins).prepare()
  const waiting = (now: number, ticketHash: TokenHash, phase: 'consent' | 'forgejo') =>
    and(eq(logins.ticketHash, ticketHash), eq(logins.phase, phase), gt(logins.expiresAt, now))
  return {
    /**
     * Records a login that begins at `now` (epoch ms). Anybody can begin one: beyond `max` rows those that never left
     * our page go first, the oldest first.
     */
    add(now: number, login: NewLogin, max = MAX_LOGINS): void {
      db.insert(logins)
        .values({ createdAt: now, ...login })
        .run()
      const surplus = (total.get()?.rows ?? 0) - max
      if (surplus <= 0) return
      const oldest = db
        .select({ ticketHash: logins.ticketHash })
        .from(logins)
        .where(eq(logins.phase, 'consent'))
        .orderBy(logins.createdAt)
        .limit(surplus + SURPLUS_AT_ONCE)
      db.delete(logins).where(inArray(logins.ticketHash, oldest)).run()
    },

    /** The login of that ticket, whatever its phase and age. */
    find(ticketHash: TokenHash): LoginRow | undefined {
      return find.get({ ticketHash })
    },

    /**
     * Takes a login from the consent page to Forgejo, under the hash of the state that Forgejo is given.
     * False when it is not waiting for consent any more: a ticket is good once.
     */
    sendToForgejo(
      now: number,
      ticketHash: TokenHash,
      next: { ticketHash: TokenHash; sealedRequest: Sealed },
    ): boolean {
      const moved = db
        .update(logins)
        .set({ ...next, phase: 'forgejo' })
        .where(waiting(now, ticketHash, 'consent'))
        .returning({ ticketHash: logins.ticketHash })
        .all()
      return moved.length === 1
    },

    /** Ends a login that waits in `phase`; false when it does not: nothing is finished twice. */
    finish(now: number, ticketHash: TokenHash, phase: 'consent' | 'forgejo'): boolean {
      const finished = db
        .update(logins)
        .set({ phase: 'done' })
        .where(waiting(now, ticketHash, phase))
        .returning({ ticketHash: logins.ticketHash })
        .all()
      return finished.length === 1
    },

    /**
     * Deletes up to `limit` logins that expired by `now`, but one that still holds a token pair only when that
     * came before `pairsBefore` (epoch ms). Returns how many went.
     */
    forget(now: number, pairsBefore: number, limit: number): number {
      const idle = or(isNull(logins.sealedPair), lt(logins.pairAt, pairsBefore))
      return forgetSome(db, logins.ticketHash, and(lt(logins.expiresAt, now), idle), limit)
    },
  }
}
