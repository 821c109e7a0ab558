import { type TSchema, Type } from '@sinclair/typebox'
import { type Key, parseKey } from './crypto.ts'
import { err, ok } from './result.ts'
import {
  type Listen,
  type Parse,
  parseBaseUrl,
  parseBrowserOrigin,
  parseCidr,
  parseDuration,
  parseInteger,
  parseList,
  parseListen,
  parseOrigin,
  parseSize,
  parseSwitch,
  parseText,
  parseWord,
} from './units.ts'

/** One setting: its flag names its variable too (`--call-timeout`, `FJMCP_BROKER_CALL_TIMEOUT`). */
export interface Setting<T> {
  flag: string
  help: string
  /** How its value is written, for the help text. */
  hint: string
  parse: Parse<T>
  /** The value's bounds. */
  range?: TSchema
  /** The default as one would write it; a setting without one is `required` or may be undefined. */
  fallback?: string
  required?: boolean
  /** Never a flag: the variable, `<variable>_FILE`, or a file of that name in $CREDENTIALS_DIRECTORY. */
  secret?: boolean
}

const setting = <T>(
  flag: string,
  hint: string,
  parse: Parse<T>,
  help: string,
  more: Partial<Setting<T>> = {},
) => ({
  flag,
  hint,
  parse,
  help,
  ...more,
})

const duration = (flag: string, fallback: string, help: string, minimum = 1) =>
  setting(flag, 'duration', parseDuration, help, { fallback, range: Type.Integer({ minimum }) })

const count = (flag: string, fallback: string, help: string, minimum = 0) =>
  setting(flag, 'number', parseInteger, help, { fallback, range: Type.Integer({ minimum }) })

const size = (flag: string, fallback: string, help: string) =>
  setting(flag, 'size', parseSize, help, { fallback, range: Type.Integer({ minimum: 65_536 }) })

const secret = <T>(flag: string, parse: Parse<T>, help: string, required = false) =>
  setting(flag, 'secret', parse, help, { secret: true, required })

const parseSealingKey: Parse<Key> = (text) => {
  const key = parseKey(text)
  return key ? ok(key) : err('is not 32 bytes in base64url')
}

/** Every setting, in the order of the help text. */
export const SETTINGS = {
  publicUrl: setting(
    'public-url',
    'origin',
    parseOrigin,
    'where clients reach the broker; the issuer',
    { required: true },
  ),
  listen: setting<Listen>('listen', 'address', parseListen, 'host:port, or unix:/path', {
    fallback: '127.0.0.1:8080',
  }),
  forgejoUrl: setting('forgejo-url', 'url', parseBaseUrl, 'Forgejo as browsers see it', {
    required: true,
  }),
  forgejoInternalUrl: setting<string>(
    'forgejo-internal-url',
    'url',
    parseBaseUrl,
    'Forgejo as the broker reaches it (default: --forgejo-url)',
  ),
  forgejoClientId: setting(
    'forgejo-oauth-client-id',
    'id',
    parseText,
    'the OAuth application registered in Forgejo',
    { required: true },
  ),
  forgejoClientSecret: secret(
    'forgejo-oauth-client-secret',
    parseText,
    "that application's secret",
    true,
  ),
  forgejoScopes: setting(
    'forgejo-oauth-scopes',
    'scopes',
    parseList(parseText),
    "what to ask Forgejo for, in Forgejo's words",
    {
      fallback: 'read:user write:repository write:issue write:notification write:organization',
      range: Type.Array(Type.String(), { minItems: 1 }),
    },
  ),
  forgejoMcpBinary: setting('forgejo-mcp-binary', 'path', parseText, 'the MCP server to start', {
    fallback: 'forgejo-mcp',
  }),
  childCredential: setting(
    'child-credential',
    'mode',
    parseWord('relay', 'token'),
    'relay (a child holds no credential) or token',
    { fallback: 'relay' },
  ),
  storePath: setting<string>(
    'store-path',
    'path',
    parseText,
    'the database (default: $STATE_DIRECTORY/broker.db, else ./broker.db)',
  ),
  key: secret(
    'key',
    parseSealingKey,
    'the sealing key (default: <store-path>.key, made with a new store)',
  ),
  maxSessions: count('max-sessions', '50', 'running children in all; 0 = no cap'),
  maxSessionsPerUser: count(
    'max-sessions-per-user',
    '10',
    'running children of one user; 0 = no cap',
  ),
  sessionIdleTimeoutMs: duration(
    'session-idle-timeout',
    '15m',
    'idle time after which a child is stopped and its session sleeps',
  ),
  sessionMaxAgeMs: duration(
    'session-max-age',
    '30d',
    'disuse after which a session ends; 0 = never',
    0,
  ),
  callTimeoutMs: duration('call-timeout', '5m', 'the deadline of one call'),
  accessTokenTtlMs: duration('access-token-ttl', '1h', 'life of an access token', 1_000),
  refreshTokenTtlMs: duration(
    'refresh-token-ttl',
    '30d',
    'life of a refresh token, from its last use',
    1_000,
  ),
  refreshGraceMs: duration(
    'refresh-grace',
    '30s',
    'time in which a repeated refresh gets the same answer',
    0,
  ),
  refreshLeadMs: duration(
    'refresh-lead',
    '5m',
    'how long before its end a Forgejo token is renewed; at most half its life',
  ),
  allowedUsers: setting(
    'allowed-users',
    'users',
    parseList(parseText),
    'Forgejo logins or sub:ID (default: everyone)',
    { fallback: '' },
  ),
  allowedOrigins: setting(
    'allowed-origins',
    'origins',
    parseList(parseBrowserOrigin),
    'further browser origins that may call /mcp',
    { fallback: '' },
  ),
  trustedProxies: setting(
    'trusted-proxies',
    'cidrs',
    parseList(parseCidr),
    'proxies whose X-Forwarded-For is believed',
    { fallback: '' },
  ),
  rateLimit: setting(
    'rate-limit',
    'true|false',
    parseSwitch,
    'limit authorize, token and register per address',
    { fallback: 'true' },
  ),
  metricsListen: setting<Listen>(
    'metrics-listen',
    'address',
    parseListen,
    'serve /metrics there (default: off)',
  ),
  maxBodyBytes: size('max-body', '32MiB', 'largest request body, and longest answer of a child'),
  childMemoryBytes: size('child-memory', '64MiB', 'GOMEMLIMIT of a child'),
  shutdownGraceMs: duration(
    'shutdown-grace',
    '10s',
    'time that calls in flight get at shutdown',
    0,
  ),
  logFormat: setting(
    'log-format',
    'json|text',
    parseWord('json', 'text'),
    'log lines on standard error',
    { fallback: 'json' },
  ),
  debug: setting('debug', 'true|false', parseSwitch, 'log more', { fallback: 'false' }),
}
