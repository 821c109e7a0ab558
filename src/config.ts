import type { Key } from './crypto.ts'

/** Where a listener binds. */
export type Listen = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }

/** How a child reaches Forgejo: through the relay with a pass, or itself with the account's token. */
export type ChildCredential = 'relay' | 'token'

/** The whole configuration, read once and frozen. Durations are milliseconds, sizes bytes. */
export interface Config {
  /** Our own origin, without a trailing slash: the issuer. */
  publicUrl: string
  listen: Listen
  /** Forgejo's base as browsers see it, without a trailing slash; may have a path. */
  forgejoUrl: string
  /** Forgejo's base as the broker and the relay reach it, without a trailing slash. */
  forgejoInternalUrl: string
  forgejoClientId: string
  forgejoClientSecret: string
  /** Forgejo's own scope words, as asked for at login. */
  forgejoScopes: readonly string[]
  forgejoMcpBinary: string
  childCredential: ChildCredential
  storePath: string
  /** The configured sealing key; undefined when it is to be read from `<storePath>.key`. */
  key: Key | undefined
  /** Running children in all; 0 = no cap. */
  maxSessions: number
  maxSessionsPerUser: number
  sessionIdleTimeoutMs: number
  /** Disuse after which a session ends; 0 = never. */
  sessionMaxAgeMs: number
  callTimeoutMs: number
  accessTokenTtlMs: number
  refreshTokenTtlMs: number
  refreshGraceMs: number
  refreshLeadMs: number
  /** Logins, or `sub:ID`; empty = every user of the Forgejo. */
  allowedUsers: readonly string[]
  allowedOrigins: readonly string[]
  /** CIDRs whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[]
  rateLimit: boolean
  metricsListen: Listen | undefined
  maxBodyBytes: number
  childMemoryBytes: number
  shutdownGraceMs: number
  logFormat: 'json' | 'text'
  debug: boolean
}
