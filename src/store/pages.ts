import type { Db } from './open.ts'

export function pageStore(_db: Db) {
  return {}
}
