import type { Db } from './open.ts'

export function exchangeStore(_db: Db) {
  return {}
}
