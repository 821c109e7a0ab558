import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One generated migration: drizzle's tag, its time in epoch milliseconds, and its statements. */
export interface Migration {
  tag: string
  when: number
  hash: string
  statements: string[]
}

/**
 * Reads `drizzle/` at bundle time, so that the binary carries its migrations.
 * drizzle-kit cannot write STRICT tables: they are made strict here.
 */
export function readMigrations(): Migration[] {
  const folder = join(import.meta.dir, '..', '..', 'drizzle')
  const journal = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[]
  }
  return journal.entries.map(({ tag, when }) => {
    const sql = readFileSync(join(folder, `${tag}.sql`), 'utf8')
    const statements = sql
      .split('--> statement-breakpoint')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '')
      .map((statement) =>
        statement.startsWith('CREATE TABLE') ? statement.replace(/\);?$/, ') STRICT;') : statement,
      )
    const hash = new Bun.CryptoHasher('sha256').update(sql).digest('hex')
    return { tag, when, hash, statements }
  })
}
