import type { Db } from './db.ts'

/** Browsers signed in to the connections page. */
export function pageStore(_db: Db) {
  return {}
}
