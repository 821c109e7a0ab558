import type { Db } from './open.ts'

export function sessionStore(_db: Db) {
  return {}
}
