import { Database, SQLiteError } from 'bun:sqlite'
import { OperatorError } from '../errors.ts'

/**
 * Takes the exclusive lock on a store, before the store itself is touched; the kernel gives it up when the
 * process ends, however it ends. Throws OperatorError (exit code 1) when another process holds it, or it
 * cannot be taken.
 * Returns the function that releases it.
 */
export function lockStore(path: string): () => void {
  let lock: Database | undefined
  try {
    lock = new Database(`${path}.lock`, { create: true, readwrite: true })
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('BEGIN EXCLUSIVE')
  } catch (error) {
    lock?.close()
    if (!(error instanceof SQLiteError)) throw error
    if (error.code === 'SQLITE_BUSY') {
      throw new OperatorError(
        `another fjmcp-broker works on ${path}`,
        'stop it first, or give this one a store of its own with --store-path',
      )
    }
    throw new OperatorError(
      `the lock ${path}.lock cannot be taken: ${error.message}`,
      'is its folder there, and may this user write to it?',
      1,
      error,
    )
  }
  const taken = lock
  let held = true
  return () => {
    if (!held) return
    held = false
    taken.close()
  }
}
