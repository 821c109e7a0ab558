import type { Db } from './open.ts'

export function vaultStore(_db: Db) {
  return {}
}
