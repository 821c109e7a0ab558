import { and, desc, eq, isNotNull, isNull, notInArray, sql } from 'drizzle-orm'
import type { TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { exchanges } from './schema-running.ts'

/** One event stream: of the session, its number, and the JSON-RPC id that it answers; null when it listens. */
export type NewExchange = Pick<
  typeof exchanges.$inferSelect,
  'sessionHash' | 'stream' | 'requestId'
>

/** Streams of either kind that one session keeps; the oldest go first. */
const MAX_PER_SESSION = 32

/** Event streams that may be resumed: written when a reply becomes a stream, gone when it was read to its end. */
export function exchangeStore(db: Db) {
  const sessionHash = sql.placeholder('sessionHash')
  const stream = sql.placeholder('stream')
  const here = and(eq(exchanges.sessionHash, sessionHash), eq(exchanges.stream, stream))
  const insert = db
    .insert(exchanges)
    .values({
      sessionHash,
      stream,
      requestId: sql.placeholder('requestId'),
      openedAt: sql.placeholder('now'),
    })
    .onConflictDoNothing()
    .prepare()
  const find = db.select().from(exchanges).where(here).prepare()
  const removeOne = db.delete(exchanges).where(here).prepare()
  const pruneKind = (listens: boolean) => {
    const kind = and(
      eq(exchanges.sessionHash, sessionHash),
      listens ? isNull(exchanges.requestId) : isNotNull(exchanges.requestId),
    )
    const newest = db
      .select({ stream: exchanges.stream })
      .from(exchanges)
      .where(kind)
      .orderBy(desc(exchanges.stream))
      .limit(MAX_PER_SESSION)
    return db
      .delete(exchanges)
      .where(and(kind, notInArray(exchanges.stream, newest)))
      .prepare()
  }
  const prune = { listening: pruneKind(true), answering: pruneKind(false) }

  return {
    /** Adds a stream opened at `now` (epoch ms). Throws SQLiteError when its session is gone. */
    add(now: number, exchange: NewExchange): void {
      insert.run({ ...exchange, now })
      const { sessionHash } = exchange
      prune[exchange.requestId === null ? 'listening' : 'answering'].run({ sessionHash })
    },

    get(sessionHash: TokenHash, stream: number): NewExchange | undefined {
      return find.get({ sessionHash, stream })
    },

    /** Forgets one stream; nothing happens when it is not there. */
    remove(sessionHash: TokenHash, stream: number): void {
      removeOne.run({ sessionHash, stream })
    },

    /** Forgets every stream of a session. */
    clear(sessionHash: TokenHash): void {
      db.delete(exchanges).where(eq(exchanges.sessionHash, sessionHash)).run()
    },
  }
}
