import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import type { Sealed, TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { logins, vaults } from './schema.ts'

export type VaultRow = typeof vaults.$inferSelect

/** A pair to be stored, sealed; times are epoch ms. */
export interface NewPair {
  sealedPair: Sealed
  gnt: string | null
  cnt: number | null
  obtainedAt: number
  accessExpiresAt: number
  refreshExpiresAt: number
}

/** A try that brought no tokens. */
export interface FailedTry {
  failure: string
  /** When the next try may be made, epoch ms. */
  retryAt: number
  /** Whether the attempt may still be answered: then it stays recorded. */
  pending: boolean
}

/** A token pair that came of a login whose user is not known yet. */
export interface StrandedRow {
  ticketHash: TokenHash
  sealedPair: Sealed
  /** Epoch ms. */
  pairAt: number
}

/** The upstream credentials, and the pairs that logins hold for a moment. */
export function vaultStore(db: Db) {
  const find = db
    .select()
    .from(vaults)
    .where(eq(vaults.accountId, sql.placeholder('accountId')))
    .prepare()
  const alive = db.select().from(vaults).where(isNull(vaults.deadAt)).prepare()
  const unsettled = db
    .select({ accountId: vaults.accountId })
    .from(vaults)
    .where(and(isNull(vaults.deadAt), isNotNull(vaults.attemptAt)))
    .prepare()
  const stranded = db
    .select({
      ticketHash: logins.ticketHash,
      sealedPair: logins.sealedPair,
      pairAt: logins.pairAt,
    })
    .from(logins)
    .where(isNotNull(logins.sealedPair))
    .prepare()
  const living = (accountId: string, generation: number) =>
    and(eq(vaults.accountId, accountId), eq(vaults.generation, generation), isNull(vaults.deadAt))
  const cleared = { failures: 0, retryAt: null, lastFailure: null, attemptAt: null, attempts: 0 }

  return {
    get(accountId: string): VaultRow | undefined {
      return find.get({ accountId })
    },

    /** Every vault that is not dead. */
    listAlive(): VaultRow[] {
      return alive.all()
    },

    /** Accounts whose recorded attempt has no outcome: the process ended, or Forgejo has not answered. */
    listUnsettled(): string[] {
      return unsettled.all().map((row) => row.accountId)
    },

    /** Stores an account's pair over whatever was there, alive or dead; the next generation. */
    put(accountId: string, pair: NewPair): void {
      db.insert(vaults)
        .values({ accountId, generation: 1, ...pair })
        .onConflictDoUpdate({
          target: vaults.accountId,
          set: {
            ...pair,
            ...cleared,
            generation: sql`${vaults.generation} + 1`,
            deadAt: null,
            deadReason: null,
          },
        })
        .run()
    },

    /**
     * Records at `now` (epoch ms) that this generation's refresh token is about to be sent. An attempt that was
     * recorded before and has no outcome counts as repeated. False when the generation is no longer the vault's.
     */
    recordAttempt(now: number, accountId: string, generation: number): boolean {
      const recorded = db
        .update(vaults)
        .set({
          attemptAt: now,
          attempts: sql`${vaults.attempts} + (${vaults.attemptAt} IS NOT NULL)`,
        })
        .where(living(accountId, generation))
        .returning({ accountId: vaults.accountId })
        .all()
      return recorded.length === 1
    },

    /** Records a try that brought nothing; the pair stays. Nothing happens when the generation is another by now. */
    recordFailure(accountId: string, generation: number, tried: FailedTry): void {
      db.update(vaults)
        .set({
          failures: sql`${vaults.failures} + 1`,
          lastFailure: tried.failure,
          retryAt: tried.retryAt,
          ...(tried.pending ? {} : { attemptAt: null }),
        })
        .where(living(accountId, generation))
        .run()
    },

    /** Lets vaults whose last failure begins with `mark` be tried again at once. */
    retryNow(mark: string): void {
      db.update(vaults)
        .set({ retryAt: null })
        .where(sql`substr(${vaults.lastFailure}, 1, ${mark.length}) = ${mark}`)
        .run()
    },

    /** Drops a pair that is no good any more; false when the generation is another by now, or dead already. */
    die(now: number, accountId: string, generation: number, reason: string): boolean {
      const died = db
        .update(vaults)
        .set({ ...cleared, sealedPair: null, deadAt: now, deadReason: reason })
        .where(living(accountId, generation))
        .returning({ accountId: vaults.accountId })
        .all()
      return died.length === 1
    },

    /** What Forgejo granted to the pair of this generation. */
    setScopes(accountId: string, generation: number, scopes: string[]): void {
      db.update(vaults).set({ scopes }).where(living(accountId, generation)).run()
    },

    /** Keeps a pair with the login that it came of; false when that login is gone. */
    strand(now: number, ticketHash: TokenHash, sealedPair: Sealed): boolean {
      const kept = db
        .update(logins)
        .set({ sealedPair, pairAt: now })
        .where(eq(logins.ticketHash, ticketHash))
        .returning({ ticketHash: logins.ticketHash })
        .all()
      return kept.length === 1
    },

    /** Lets go of a login's pair: it is in its vault now, or of no use. */
    unstrand(ticketHash: TokenHash): void {
      db.update(logins)
        .set({ sealedPair: null, pairAt: null })
        .where(eq(logins.ticketHash, ticketHash))
        .run()
    },

    /** The pairs that logins hold. */
    listStranded(): StrandedRow[] {
      return stranded
        .all()
        .flatMap(({ ticketHash, sealedPair, pairAt }) =>
          sealedPair === null ? [] : [{ ticketHash, sealedPair, pairAt: pairAt ?? 0 }],
        )
    },
  }
}
