import { MODERN_VERSIONS } from '../era.ts'
import { RESERVED, VERSION_CLAIM } from '../methods.ts'
import { isObject, type Params } from '../rpc.ts'
import { type Capabilities, readCapabilities } from './capabilities.ts'

/** The severities of log messages, the least first (2026-07-28 server/utilities/logging). */
const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

export type LogLevel = (typeof LEVELS)[number]

const CAPABILITIES = `${RESERVED}clientCapabilities`
const LOG_LEVEL = `${RESERVED}logLevel`

/** What each request says of itself in `_meta`, because nothing said before counts (basic/index, "_meta"). */
export interface Envelope {
  version: string
  capabilities: Capabilities
  /** From which severity on log messages are wanted; undefined when none are. */
  logLevel: LogLevel | undefined
}

/** The envelope of a request of the broker's own to a stateless child. */
export const OWN_ENVELOPE: Params = {
  [VERSION_CLAIM]: MODERN_VERSIONS[0],
  [CAPABILITIES]: {},
}

const metaOf = (params: Params | undefined): Params => (isObject(params?._meta) ? params._meta : {})

const isLogLevel = (value: unknown): value is LogLevel =>
  (LEVELS as readonly unknown[]).includes(value)

/** Reads the envelope, or says in a sentence what is missing or malformed. */
export function readEnvelope(params: Params | undefined): Envelope | string {
  const meta = metaOf(params)
  const version = meta[VERSION_CLAIM]
  const capabilities = meta[CAPABILITIES]
  const logLevel = meta[LOG_LEVEL]
  if (typeof version !== 'string') return `_meta needs "${VERSION_CLAIM}"`
  if (!isObject(capabilities)) return `_meta needs "${CAPABILITIES}"`
  if (logLevel !== undefined && !isLogLevel(logLevel)) return `"${LOG_LEVEL}" is no log level`
  return { version, capabilities: readCapabilities(capabilities), logLevel }
}

/** Whether a log message of that severity is wanted; one without a known severity is not. */
export const isWanted = (level: unknown, from: LogLevel): boolean =>
  (LEVELS as readonly unknown[]).indexOf(level) >= LEVELS.indexOf(from)

/** The same parameters without MCP's own keys in `_meta`, which a child of an earlier revision knows nothing of. */
export function withoutEnvelope(params: Params | undefined): Params | undefined {
  if (!isObject(params?._meta)) return params
  return { ...params, _meta: withoutReserved(params._meta) }
}

function withoutReserved(meta: Params): Params | undefined {
  // Most have no other keys, and this is on the way of every call.
  for (const key in meta)
    if (!key.startsWith(RESERVED))
      return Object.fromEntries(Object.entries(meta).filter(([name]) => !name.startsWith(RESERVED)))
  return undefined
}
