import type { Db } from './open.ts'

export function childStore(_db: Db) {
  return {}
}
