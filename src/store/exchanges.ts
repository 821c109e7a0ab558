import type { Db } from './db.ts'

/** Event streams that are open now: written by the streams of a session, read after a restart. */
export function exchangeStore(_db: Db) {
  return {}
}
