import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from './result.ts'

/** Reads text into a value, or says in words what is wrong with it. */
export type Parse<T> = (text: string) => Result<T, string>

/** Where a listener binds. */
export type Listen = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }

const DURATION_UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const SIZE_UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** The longest duration that is still exact in milliseconds and in a timestamp: a hundred years. */
const MAX_DURATION_MS = 100 * 365 * 86_400_000

/** A duration as Go writes it (`500ms`, `90s`, `1h30m`), with `d` besides, in milliseconds; a bare `0` is zero. */
export const parseDuration: Parse<number> = (text) => {
  if (text === '0') return ok(0)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  const whole = parts.map(([part]) => part).join('')
  if (parts.length === 0 || whole !== text) {
    return err('is not a duration such as 500ms, 90s, 15m, 1h30m or 30d')
  }
  const ms = parts.reduce(
    (sum, [, n, unit]) => sum + Number(n) * (DURATION_UNITS[unit ?? ''] ?? 0),
    0,
  )
  return ms <= MAX_DURATION_MS ? ok(Math.round(ms)) : err('is longer than a hundred years')
}

/** A size such as `64MiB`, in bytes. */
export const parseSize: Parse<number> = (text) => {
  const [, n, unit] = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(text) ?? []
  if (n === undefined || unit === undefined) return err('is not a size such as 64MiB')
  return ok(Number(n) * (SIZE_UNITS[unit] ?? 1))
}

/** A whole number. */
export const parseInteger: Parse<number> = (text) =>
  /^\d{1,9}$/.test(text) ? ok(Number(text)) : err('is not a whole number')

/** `true` or `false`. */
export const parseSwitch: Parse<boolean> = (text) =>
  text === 'true' || text === 'false' ? ok(text === 'true') : err('is neither true nor false')

/** Any text. */
export const parseText: Parse<string> = (text) => ok(text)

/** One of the given words. */
export const parseWord =
  <W extends string>(...words: W[]): Parse<W> =>
  (text) => {
    const word = words.find((each) => each === text)
    return word === undefined ? err(`is none of ${words.join(', ')}`) : ok(word)
  }

/** Words divided by spaces or commas, each read by `parse`; the first bad one is named. */
export const parseList =
  <T>(parse: Parse<T>): Parse<readonly T[]> =>
  (text) => {
    const values: T[] = []
    for (const word of text.split(/[\s,]+/).filter((each) => each !== '')) {
      const value = parse(word)
      if (!value.ok) return err(`${JSON.stringify(word)} ${value.error}`)
      values.push(value.value)
    }
    return ok(values)
  }

/** `host:port`, `[v6]:port` or `unix:/path`. */
export const parseListen: Parse<Listen> = (text) => {
  if (text.startsWith('unix:/')) return ok({ kind: 'unix', path: text.slice('unix:'.length) })
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || port > 65_535) {
    return err('is neither host:port nor unix:/path (name the host: 127.0.0.1:8080, [::1]:8080)')
  }
  return ok({ kind: 'tcp', host, port })
}

/** Whether a URL's host name means this machine: 127.0.0.0/8, [::1], `localhost` or a name under it. */
export function isLoopbackHost(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return ipaddr.isValid(name) && ipaddr.parse(name).range() === 'loopback'
}

/** An http(s) URL without query, fragment or credentials; without its trailing slash. */
export const parseBaseUrl: Parse<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) return err('is not an http or https URL')
  if (url.username || url.password) return err('must not hold a user name or password')
  if (text.includes('?') || text.includes('#')) return err('must not have a query or fragment')
  return ok(url.href.replace(/\/+$/, ''))
}

/** An origin: https, or http on loopback; no path. */
export const parseOrigin: Parse<string> = (text) => {
  const base = parseBaseUrl(text)
  if (!base.ok) return base
  const url = new URL(base.value)
  if (url.pathname !== '/') return err('must be an origin, without a path')
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    return err('must be https (http is for loopback only)')
  }
  return ok(url.origin)
}

/** A browser origin as it stands in an `Origin` header; any host, http or https. */
export const parseBrowserOrigin: Parse<string> = (text) => {
  const base = parseBaseUrl(text)
  if (!base.ok) return base
  return new URL(base.value).pathname === '/' ? ok(new URL(base.value).origin) : err('has a path')
}

/** An address block such as `10.0.0.0/8`, or a single address. */
export const parseCidr: Parse<string> = (text) => {
  if (ipaddr.isValidCIDR(text)) return ok(text)
  if (!ipaddr.isValid(text)) return err('is neither an address nor an address block')
  return ok(`${text}/${ipaddr.parse(text).kind() === 'ipv4' ? 32 : 128}`)
}
