import { Database } from 'bun:sqlite'
import { OperatorError } from '../errors.ts'

/**
 * Takes the exclusive lock on a store, before the store itself is touched; the kernel gives it up when the
 * process ends, however it ends. Throws OperatorError (exit code 1) when another process holds it.
 * Returns the function that releases it.
 */
export function lockStore(path: string): () => void {
  const lock = new Database(`${path}.lock`, { create: true, readwrite: true })
  try {
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    throw new OperatorError(
      `another fjmcp-broker works on ${path}`,
      'stop it first, or give this one a store of its own with --store-path',
    )
  }
  let held = true
  return () => {
    if (!held) return
    held = false
    lock.close()
  }
}
