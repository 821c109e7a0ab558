import type { Db } from './open.ts'

export function loginStore(_db: Db) {
  return {}
}
