import type { Db } from './open.ts'

export function familyStore(_db: Db) {
  return {}
}
