import type { Database } from 'bun:sqlite'
import { OperatorError } from '../errors.ts'
import { readMigrations } from './migrations.macro.ts' with { type: 'macro' }
import type { Migration } from './migrations.macro.ts'

/** The migrations this build carries, oldest first. */
export const migrations: Migration[] = await readMigrations()

/**
 * Brings a database up to this build's schema, in one transaction; does nothing when it is there already.
 * Records in drizzle's own table. Throws OperatorError for a database that a newer build wrote, or whose
 * applied migrations differ from ours.
 */
export function migrate(sqlite: Database, now: number, wanted: Migration[] = migrations): void {
  sqlite.run(
    `CREATE TABLE IF NOT EXISTS "__drizzle_migrations"
       (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at INTEGER NOT NULL, applied_at INTEGER) STRICT`,
  )
  const applied = sqlite
    .query<{ hash: string; created_at: number }, []>(
      'SELECT hash, created_at FROM "__drizzle_migrations" ORDER BY created_at',
    )
    .all()
  for (const [index, row] of applied.entries()) {
    const ours = wanted[index]
    if (ours?.when === row.created_at && ours.hash === row.hash) continue
    throw new OperatorError(
      ours
        ? `the store's schema step ${index + 1} is not the one that this build knows (${ours.tag})`
        : 'the store was written by a newer version of fjmcp-broker',
      'install the version that wrote it, or restore a backup made by this one',
    )
  }
  const pending = wanted.slice(applied.length)
  if (pending.length === 0) return
  // A table rebuild under foreign_keys=ON would cascade into its children; inside a transaction the pragma is inert.
  sqlite.run('PRAGMA foreign_keys = OFF')
  try {
    sqlite
      .transaction(() => {
        for (const migration of pending) {
          for (const statement of migration.statements) sqlite.run(statement)
          sqlite.run(
            'INSERT INTO "__drizzle_migrations" (hash, created_at, applied_at) VALUES (?, ?, ?)',
            [migration.hash, migration.when, now],
          )
        }
        const broken = sqlite.query('PRAGMA foreign_key_check').all()
        if (broken.length > 0)
          throw new Error(`migration leaves ${broken.length} broken references`)
      })
      .immediate()
  } finally {
    sqlite.run('PRAGMA foreign_keys = ON')
  }
}
