import { mkdirSync, rmSync } from 'node:fs'

/**
 * Makes the empty directory beside the store that every child has for its HOME; only the broker's user may enter it.
 * What a killed broker's children left in it is removed. Returns its path.
 */
export function makeChildHome(storePath: string): string {
  const path = `${storePath}.home`
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { mode: 0o700 })
  return path
}
