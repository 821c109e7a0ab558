import type { Db } from './open.ts'

export function clientStore(_db: Db) {
  return {}
}
