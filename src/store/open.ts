import { Database, SQLiteError } from 'bun:sqlite'
import type { Clock } from '../clock.ts'
import { OperatorError } from '../errors.ts'
import { accountStore } from './accounts.ts'
import { adminStore } from './admin.ts'
import { auditStore } from './audit.ts'
import { childStore } from './children.ts'
import { clientStore } from './clients.ts'
import { connectionStore } from './connections.ts'
import { connect } from './db.ts'
import { exchangeStore } from './exchanges.ts'
import { factStore } from './facts.ts'
import { familyStore } from './families.ts'
import { grantStore } from './grants.ts'
import { loginStore } from './logins.ts'
import { migrate } from './migrate.ts'
import { pageStore } from './pages.ts'
import { sessionStore } from './sessions.ts'
import { tokenStore } from './tokens.ts'
import { vaultStore } from './vaults.ts'

/** How long the broker waits for a foreign writer: SQLite blocks the event loop meanwhile. */
export const BROKER_BUSY_MS = 250

/** How long a command of the admin line waits for the broker's writes. */
export const CLI_BUSY_MS = 5_000

export interface OpenOptions {
  /** A file path, or `:memory:`. */
  path: string
  clock: Clock
  /** BROKER_BUSY_MS or CLI_BUSY_MS. */
  busyTimeoutMs: number
}

/** A database that is ready for use; throws OperatorError with the path for a file that cannot be one. */
function openDatabase({ path, clock, busyTimeoutMs }: OpenOptions): Database {
  let sqlite: Database | undefined
  try {
    sqlite = new Database(path, { create: true, readwrite: true, strict: true })
    sqlite.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
    sqlite.run('PRAGMA journal_mode = WAL')
    sqlite.run('PRAGMA synchronous = NORMAL')
    sqlite.run('PRAGMA foreign_keys = ON')
    migrate(sqlite, clock.now())
    return sqlite
  } catch (error) {
    sqlite?.close()
    if (!(error instanceof SQLiteError)) throw error
    throw new OperatorError(
      `the store ${path} cannot be used: ${error.message}`,
      'look at the file and its folder, or restore a backup',
      1,
      error,
    )
  }
}

/**
 * Opens the database, brings its schema up to date and prepares every statement.
 * Throws OperatorError for a store of a newer build and for a file that cannot be used.
 */
export function openStore(options: OpenOptions) {
  const sqlite = openDatabase(options)
  const db = connect(sqlite)
  let open = true
  return {
    accounts: accountStore(db),
    admin: adminStore(db),
    audit: auditStore(db),
    children: childStore(db),
    clients: clientStore(db),
    connections: connectionStore(db),
    exchanges: exchangeStore(db),
    facts: factStore(db),
    families: familyStore(db),
    grants: grantStore(db),
    logins: loginStore(db),
    pages: pageStore(db),
    sessions: sessionStore(db),
    tokens: tokenStore(db),
    vaults: vaultStore(db),

    /** Runs `work` in one immediate transaction: all of it is kept, or nothing. `work` must not be async. */
    transaction<T>(work: () => T extends Promise<unknown> ? never : T): T {
      return sqlite.transaction(work).immediate() as T
    },

    /** The same, on the disk before it returns (synchronous=FULL): for upstream credentials, which cannot be had again. */
    durably<T>(work: () => T extends Promise<unknown> ? never : T): T {
      sqlite.run('PRAGMA synchronous = FULL')
      try {
        return sqlite.transaction(work).immediate() as T
      } finally {
        sqlite.run('PRAGMA synchronous = NORMAL')
      }
    },

    /** Whether the database answers a read and takes a write. */
    probe(): boolean {
      try {
        sqlite.query("UPDATE facts SET value = value WHERE name = 'key_check'").run()
        return true
      } catch {
        return false
      }
    },

    /** Writes a consistent copy to a path that must not exist yet. The sealing key is not in it. */
    backup(path: string): void {
      sqlite.run('VACUUM INTO ?', [path])
    },

    /** Closes the database; safe to call twice. */
    close(): void {
      if (!open) return
      open = false
      sqlite.close()
    },
  }
}

export type Store = ReturnType<typeof openStore>

/** Whether an error says that another process held the database for longer than `busyTimeoutMs`. */
export function isBusy(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof SQLiteError && at.code?.startsWith('SQLITE_BUSY')) return true
  }
  return false
}
