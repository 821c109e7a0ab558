import { existsSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import { OperatorError } from '../errors.ts'
import { CLI_BUSY_MS, openStore, type Store } from '../store/open.ts'
import { loadStoreConfig } from './settings.ts'

/** What a command works with: the store of a broker that may be running, and the time. */
export interface Existing {
  store: Store
  config: Pick<Config, 'storePath' | 'key'>
  now: number
}

/** Throws OperatorError (exit code 1) when there is no store. */
export function mustExist(storePath: string): void {
  if (existsSync(storePath)) return
  throw new OperatorError(
    `there is no store at ${storePath}`,
    'name it with --store-path or FJMCP_BROKER_STORE_PATH; `serve` makes it',
  )
}

/**
 * Opens a store that exists, gives it to `work` and closes it.
 * Throws OperatorError (exit code 1) when there is none.
 */
export function withStore<T>(args: Record<string, unknown>, work: (existing: Existing) => T): T {
  const config = loadStoreConfig(args)
  mustExist(config.storePath)
  const store = openStore({
    path: config.storePath,
    clock: systemClock,
    busyTimeoutMs: CLI_BUSY_MS,
  })
  try {
    return work({ store, config, now: systemClock.now() })
  } finally {
    store.close()
  }
}
