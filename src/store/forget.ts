import { inArray, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Db } from './db.ts'

/** Deletes up to `limit` rows of the table whose key is given, of those that fit; returns how many went. */
export function forgetSome(db: Db, key: SQLiteColumn, fit: SQL | undefined, limit: number): number {
  const table: SQLiteTable = key.table
  const some = db.select({ key }).from(table).where(fit).limit(limit)
  return db.delete(table).where(inArray(key, some)).returning({ key }).all().length
}
