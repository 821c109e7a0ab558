import { and, asc, count, eq, inArray, isNull, notExists, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import { clients, grants } from './schema.ts'

export type ClientRow = typeof clients.$inferSelect

/** What a new client row says; the rest is set by the store. */
export type NewClient = Pick<ClientRow, 'id' | 'kind' | 'name' | 'redirectUris' | 'metadata'> &
  Partial<Pick<ClientRow, 'fingerprint'>>

/** The kinds that appear without an operator's doing, and so are pruned. */
const UNASKED = ['dynamic', 'document'] as const

/** Registered clients and cached client-id metadata documents. */
export function clientStore(db: Db) {
  const byId = db
    .select()
    .from(clients)
    .where(eq(clients.id, sql.placeholder('id')))
    .prepare()
  const byFingerprint = db
    .select()
    .from(clients)
    .where(and(eq(clients.fingerprint, sql.placeholder('fingerprint')), isNull(clients.revokedAt)))
    .prepare()
  const unasked = db
    .select({ count: count() })
    .from(clients)
    .where(inArray(clients.kind, UNASKED))
    .prepare()

  return {
    /** The client of that id, revoked ones included. */
    get(id: string): ClientRow | undefined {
      return byId.get({ id })
    },

    /** The client that is not revoked and was registered with that fingerprint. */
    findRegistered(fingerprint: string): ClientRow | undefined {
      return byFingerprint.get({ fingerprint })
    },

    /** Writes a new client at `now` (epoch ms). */
    insert(now: number, client: NewClient): ClientRow {
      return db
        .insert(clients)
        .values({ ...client, createdAt: now })
        .returning()
        .get()
    },

    /**
     * Keeps what a metadata document said when it was fetched at `now`, fresh until `freshUntil` (epoch ms).
     * A revoked document stays revoked.
     */
    saveDocument(now: number, client: Omit<NewClient, 'kind'>, freshUntil: number): ClientRow {
      const said = {
        name: client.name,
        redirectUris: client.redirectUris,
        metadata: client.metadata,
        fetchedAt: now,
        freshUntil,
      }
      return db
        .insert(clients)
        .values({ id: client.id, kind: 'document', createdAt: now, ...said })
        .onConflictDoUpdate({ target: clients.id, set: said })
        .returning()
        .get()
    },

    /** Puts off the next fetch of a document until `freshUntil` (epoch ms). */
    postpone(id: string, freshUntil: number): void {
      db.update(clients).set({ freshUntil }).where(eq(clients.id, id)).run()
    },

    /** Notes at `now` (epoch ms) that the client came again. */
    touch(now: number, id: string): void {
      db.update(clients).set({ lastUsedAt: now }).where(eq(clients.id, id)).run()
    },

    /** Revokes a client at `now` (epoch ms); false when there is none, or it is revoked already. */
    revoke(now: number, id: string): boolean {
      const gone = db
        .update(clients)
        .set({ revokedAt: now })
        .where(and(eq(clients.id, id), isNull(clients.revokedAt)))
        .returning({ id: clients.id })
        .all()
      return gone.length > 0
    },

    /** How many clients there are that no operator added. */
    countUnasked(): number {
      return unasked.get()?.count ?? 0
    },

    /**
     * Deletes up to `excess` clients that no operator added or revoked and that were never granted anything, those
     * that came longest ago first. Returns how many went.
     */
    prune(excess: number): number {
      if (excess <= 0) return 0
      const idle = db
        .select({ id: clients.id })
        .from(clients)
        .where(
          and(
            inArray(clients.kind, UNASKED),
            isNull(clients.revokedAt),
            notExists(
              db.select({ id: grants.id }).from(grants).where(eq(grants.clientId, clients.id)),
            ),
          ),
        )
        .orderBy(asc(sql`coalesce(${clients.lastUsedAt}, ${clients.createdAt})`), asc(clients.id))
        .limit(excess)
      return db.delete(clients).where(inArray(clients.id, idle)).returning({ id: clients.id }).all()
        .length
    },
  }
}
