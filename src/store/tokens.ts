import type { Db } from './open.ts'

export function tokenStore(_db: Db) {
  return {}
}
