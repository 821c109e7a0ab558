import type { Db } from './open.ts'

export function accountStore(_db: Db) {
  return {}
}
