import pino from 'pino'

/** Structured fields of one log line. */
export type Fields = Record<string, unknown>

/** Where events are told: lower-case phrases, fixed key names, never a secret. */
export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  /** A log that adds `fields` to every line. */
  with(fields: Fields): Log
}

/** Keys whose values are never written, wherever they stand in the first three levels. */
const SECRET_KEYS = [
  'access_token',
  'refresh_token',
  'token',
  'code',
  'code_verifier',
  'client_secret',
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'pass',
  'state',
  'secret',
  'sessionId',
]

const REDACTED_PATHS = SECRET_KEYS.flatMap((key) => {
  const at = key.includes('-') ? `["${key}"]` : key
  const join = (prefix: string) => (at.startsWith('[') ? prefix + at : `${prefix}.${at}`)
  return [at, join('*'), join('*.*')]
})

/** JSON Web Tokens, and this broker's own token prefixes, wherever they occur in a text. */
const TOKEN_SHAPES =
  /eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?|\b(?:fjat|fjrt|fjco|fjpass)_[\w-]{16,}|\bgt[ao]_[a-z0-9]{16,}/g

/** Replaces every token-looking part of a text. */
export const redact = (text: string): string => text.replace(TOKEN_SHAPES, '[redacted]')

/** Replaces every occurrence of the given secrets in a text. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  let clean = text
  for (const secret of secrets)
    if (secret !== '' && clean.includes(secret)) clean = clean.replaceAll(secret, '[redacted]')
  return clean
}

/** How an error reads in a log line: name, message and its causes, token shapes removed, no stack. */
export function describe(error: unknown): string {
  const parts: string[] = []
  let at: unknown = error
  while (at instanceof Error && parts.length < 4) {
    parts.push(at.message === '' ? at.name : `${at.name}: ${at.message}`)
    at = at.cause
  }
  if (parts.length === 0) parts.push(String(error))
  return redact(parts.join('; caused by '))
}

export interface LogOptions {
  debug: boolean
  format: 'json' | 'text'
}

/** Most text held for a standard error that nobody reads, in bytes; more is dropped. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** A log on standard error. */
export function createLog(options: LogOptions): Log {
  const destination = pino.destination({ fd: 2, sync: false, maxLength: MAX_BUFFERED_BYTES })
  destination.on('error', () => {})
  const stream =
    options.format === 'json'
      ? destination
      : { write: (line: string) => destination.write(asText(line)) }
  const logger = pino(
    {
      level: options.debug ? 'debug' : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
      messageKey: 'event',
    },
    stream,
  )
  return wrap(logger)
}

function wrap(logger: pino.Logger): Log {
  const clean = (fields: Fields = {}): Fields => {
    if (!('error' in fields)) return fields
    return { ...fields, error: describe(fields.error) }
  }
  return {
    debug: (event, fields) => logger.debug(clean(fields), event),
    info: (event, fields) => logger.info(clean(fields), event),
    warn: (event, fields) => logger.warn(clean(fields), event),
    error: (event, fields) => logger.error(clean(fields), event),
    with: (fields) => wrap(logger.child(fields)),
  }
}

/** The same line for people: time, level, event and `key=value` pairs. */
function asText(line: string): string {
  const { time, level, event, ...rest } = JSON.parse(line) as Record<string, unknown>
  const pairs = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${time} ${String(level).padEnd(5)} ${event}${pairs.join('')}\n`
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
}
