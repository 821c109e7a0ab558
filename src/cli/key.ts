import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import {
  createSealer,
  formatKey,
  type Key,
  parseKey,
  randomKey,
  type Sealed,
  type Sealer,
} from '../crypto.ts'
import { OperatorError } from '../errors.ts'
import type { Store } from '../store/open.ts'

const CHECK_TEXT = 'fjmcp-broker'
const CHECK_CONTEXT = 'facts.key_check'

/** Where the key of a store lies when the configuration does not give one. */
export const keyPathOf = (storePath: string): string => `${storePath}.key`

/**
 * The sealing keys, the current one first. Makes a key file beside a store that does not exist yet.
 * Throws OperatorError (exit code 2) for a missing, malformed or too widely readable key file.
 */
export function loadKeys({ key, storePath }: Pick<Config, 'key' | 'storePath'>): readonly Key[] {
  if (key) return [key]
  const path = keyPathOf(storePath)
  if (!existsSync(path)) {
    if (existsSync(storePath)) {
      throw new OperatorError(
        `the store ${storePath} has no key: ${path} is missing`,
        'put the key file back, or set FJMCP_BROKER_KEY; without it nothing in the store can be opened',
        2,
      )
    }
    writeFileSync(path, `${formatKey(randomKey())}\n`, { mode: 0o600, flag: 'wx' })
  }
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o077) !== 0) {
    throw new OperatorError(
      `${path} has mode 0${mode.toString(8)}: others may read the sealing key`,
      `chmod 600 ${path}`,
      2,
    )
  }
  const keys = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => parseKey(line.trim()))
  if (keys.length === 0 || keys.some((each) => !each)) {
    throw new OperatorError(`${path} does not hold a key`, 'restore it from where you keep it', 2)
  }
  return keys.filter((each) => each !== undefined)
}

/** Writes the key file anew, in one step. */
export function writeKeys(storePath: string, keys: readonly Key[]): void {
  const path = keyPathOf(storePath)
  writeFileSync(`${path}.new`, keys.map((key) => `${formatKey(key)}\n`).join(''), { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
}

/**
 * A sealer over the keys, held against the store: the first use leaves a mark, later ones must open it.
 * Throws OperatorError (exit code 2) when the store was sealed with another key.
 */
export function openSealer(keys: readonly Key[], store: Store, now: number): Sealer {
  const sealer = createSealer(keys)
  const mark = store.facts.get('key_check')
  if (mark === undefined) {
    store.facts.set(now, 'key_check', sealer.seal(CHECK_TEXT, CHECK_CONTEXT))
  } else if (sealer.open(mark as Sealed, CHECK_CONTEXT) !== CHECK_TEXT) {
    throw new OperatorError(
      'the key is not the one that this store was sealed with',
      'give the right key: FJMCP_BROKER_KEY, or the key file that belongs to the store',
      2,
    )
  }
  return sealer
}
