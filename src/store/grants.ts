import type { Db } from './open.ts'

export function grantStore(_db: Db) {
  return {}
}
