import { existsSync, readFileSync } from 'node:fs'
import type { ArgsDef } from 'citty'
import { type Config, readConfig, readSettings, type Sources } from '../config.ts'
import { OperatorError } from '../errors.ts'
import { FORGEJO_SCOPES } from '../forgejo/scopes.ts'
import type { Result } from '../result.ts'
import { SETTINGS } from '../settings.ts'

/** Every setting that may be a flag, as arguments of a command. */
export const configArgs: ArgsDef = Object.fromEntries(
  Object.values(SETTINGS)
    .filter((each) => !('secret' in each && each.secret))
    .map((each) => [
      each.flag,
      {
        type: 'string' as const,
        valueHint: each.hint,
        description: `${each.help}${'fallback' in each && each.fallback ? ` [${each.fallback}]` : ''}`,
      },
    ]),
)

/** The one setting that commands on the store alone need. */
export const storeArgs = {
  'store-path': {
    type: 'string',
    valueHint: SETTINGS.storePath.hint,
    description: SETTINGS.storePath.help,
  },
} as const

const sources = (args: Record<string, unknown>): Sources => ({
  flags: Object.fromEntries(
    Object.values(SETTINGS).map(({ flag }) => [flag, args[flag] as string | undefined]),
  ),
  env: process.env,
  readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  isScope: (word) => (FORGEJO_SCOPES as readonly string[]).includes(word),
})

/** The configuration; throws OperatorError (exit code 2) with every problem there is. */
export const loadConfig = (args: Record<string, unknown>): Config =>
  orThrow(readConfig(sources(args)))

/** The settings of the store, for commands that need no more; throws OperatorError (exit code 2). */
export const loadStoreConfig = (args: Record<string, unknown>): Pick<Config, 'storePath' | 'key'> =>
  orThrow(readSettings(['storePath', 'key'], sources(args)))

function orThrow<T>(read: Result<T, string[]>): T {
  if (read.ok) return read.value
  const [first = ''] = read.error
  throw read.error.length === 1
    ? new OperatorError(first, 'fjmcp-broker serve --help lists the settings', 2)
    : new OperatorError(
        `${read.error.length} problems in the configuration`,
        read.error.join('\n'),
        2,
      )
}
