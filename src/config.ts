import { Value } from '@sinclair/typebox/value'
import { err, ok, type Result } from './result.ts'
import { SETTINGS, type Setting } from './settings.ts'
import type { Parse } from './units.ts'

export type { Listen } from './units.ts'

type Settings = typeof SETTINGS
type ValueOf<S> = S extends { parse: Parse<infer T> } ? T : never
type Optional = 'key' | 'metricsListen'

/** The whole configuration, read once. Durations are milliseconds, sizes bytes, URLs without a trailing slash. */
export type Config = { readonly [K in Exclude<keyof Settings, Optional>]: ValueOf<Settings[K]> } & {
  readonly [K in Optional]: ValueOf<Settings[K]> | undefined
}

/** Where a configuration is read from. */
export interface Sources {
  /** Flag values by flag name. */
  flags: Readonly<Record<string, string | undefined>>
  env: Readonly<Record<string, string | undefined>>
  /** The text of a file, or undefined when there is none; throws when it cannot be read. */
  readFile(path: string): string | undefined
  /** Whether Forgejo knows a scope word exactly: one wrong word would mean full access. */
  isScope(word: string): boolean
}

/** The environment variable of a setting. */
export const variableOf = (flag: string): string =>
  `FJMCP_BROKER_${flag.toUpperCase().replaceAll('-', '_')}`

/**
 * Reads every setting: a flag wins over its variable, an empty variable counts as unset.
 * Returns the configuration, or every problem there is, each as one sentence that names its setting.
 */
export const readConfig = (sources: Sources): Result<Config, string[]> =>
  readSettings(Object.keys(SETTINGS) as (keyof Settings)[], sources)

/** The same for some settings only, for commands that need no more. */
export function readSettings<K extends keyof Settings>(
  names: readonly K[],
  sources: Sources,
): Result<Pick<Config, K>, string[]> {
  const problems: string[] = []
  const values: Partial<Record<keyof Settings, unknown>> = {}
  for (const name of names) {
    const each: Setting<unknown> = SETTINGS[name]
    const found = each.secret ? readSecret(each, sources, problems) : readPlain(each, sources)
    const text = found?.text ?? each.fallback
    if (text === undefined) {
      if (each.required && !found?.failed) problems.push(`${label(each)} is required`)
      continue
    }
    const from = found?.from ?? label(each)
    const value = each.parse(text)
    if (!value.ok) {
      problems.push(`${from} ${each.secret ? '' : `${JSON.stringify(text)} `}${value.error}`)
      continue
    }
    const [problem] = each.range ? Value.Errors(each.range, value.value) : []
    if (problem) problems.push(`${from}: ${problem.message.toLowerCase()}`)
    values[name] = value.value
  }
  for (const word of (values.forgejoScopes as string[] | undefined) ?? []) {
    if (sources.isScope(word)) continue
    const name = JSON.stringify(word)
    problems.push(
      `${label(SETTINGS.forgejoScopes)}: Forgejo knows no scope ${name}, and would grant full access for it`,
    )
  }
  if (problems.length > 0) return err(problems)
  values.forgejoInternalUrl ??= values.forgejoUrl
  const folder = sources.env.STATE_DIRECTORY?.split(':')[0]
  values.storePath ??= folder ? `${folder}/broker.db` : 'broker.db'
  return ok(Object.freeze(values) as Pick<Config, K>)
}

type Found = { text?: string; from: string; failed?: boolean } | undefined

const label = (each: Setting<unknown>): string =>
  each.secret ? variableOf(each.flag) : `--${each.flag}`

function readPlain(each: Setting<unknown>, { flags, env }: Sources): Found {
  const flag = flags[each.flag]
  if (flag !== undefined) return { text: flag, from: `--${each.flag}` }
  const text = env[variableOf(each.flag)]
  return text ? { text, from: variableOf(each.flag) } : undefined
}

/** A secret has exactly one source; a trailing newline of a file is not part of it. */
function readSecret(each: Setting<unknown>, { env, readFile }: Sources, problems: string[]): Found {
  const name = variableOf(each.flag)
  const found: NonNullable<Found>[] = []
  if (env[name]) found.push({ text: env[name], from: name })
  const files: [string, string, boolean][] = []
  const file = env[`${name}_FILE`]
  if (file) files.push([`${name}_FILE`, file, true])
  if (env.CREDENTIALS_DIRECTORY)
    files.push([`the credential ${name}`, `${env.CREDENTIALS_DIRECTORY}/${name}`, false])
  for (const [from, path, mustExist] of files) {
    try {
      const text = readFile(path)?.replace(/\r?\n$/, '')
      if (text !== undefined && text !== '') found.push({ text, from })
      else if (mustExist) throw new Error(text === '' ? 'is empty' : 'no such file')
    } catch (error) {
      problems.push(`${from}: cannot read ${path} (${(error as Error).message})`)
      found.push({ from, failed: true })
    }
  }
  if (found.length > 1)
    problems.push(`${name} has two sources: ${found.map((one) => one.from).join(' and ')}`)
  return found[0]
}
