import type { Config } from '../config.ts'

interface Kind {
  name: string
  /** What a value of ours looks like; anything else is not ours. */
  value: RegExp
  /** How long the browser keeps it, in seconds. */
  maxAge: number
}

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 24 * HOUR_SECONDS

/** Every cookie there is. */
const COOKIES = {
  /** Marks the browser through a login; kept far longer than one takes. */
  browser: { name: 'fjmcp_browser', value: /^[A-Za-z0-9_-]{20,128}$/, maxAge: DAY_SECONDS },
  /** What was last chosen on the consent page. It is no secret, and the page only marks it. */
  choice: { name: 'fjmcp_choice', value: /^[a-z.-]{1,400}$/, maxAge: 365 * DAY_SECONDS },
  /** Somebody signed in to look at their connections; the store knows when it ends. */
  page: { name: 'fjmcp_page', value: /^[A-Za-z0-9_-]{43}$/, maxAge: 12 * HOUR_SECONDS },
} as const satisfies Record<string, Kind>

export type CookieKind = keyof typeof COOKIES

type CookieConfig = Pick<Config, 'publicUrl'>

const isPlainHttp = (config: CookieConfig): boolean => config.publicUrl.startsWith('http://')

/** `__Host-` forbids a neighbouring subdomain to set it; browsers take that prefix only with Secure, hence not on http loopback. */
const nameOf = (kind: CookieKind, config: CookieConfig): string =>
  isPlainHttp(config) ? COOKIES[kind].name : `__Host-${COOKIES[kind].name}`

/** The value of one of our cookies in a request; undefined when there is none that looks like ours. */
export function readCookie(
  request: Request,
  kind: CookieKind,
  config: CookieConfig,
): string | undefined {
  const prefix = `${nameOf(kind, config)}=`
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const text = pair.trim()
    if (!text.startsWith(prefix)) continue
    const value = text.slice(prefix.length)
    return COOKIES[kind].value.test(value) ? value : undefined
  }
  return undefined
}

/** The Set-Cookie header of one of our cookies. Lax: it comes along when Forgejo sends the browser back. */
export function writeCookie(kind: CookieKind, value: string, config: CookieConfig): string {
  const secure = isPlainHttp(config) ? '' : ' Secure;'
  const { maxAge } = COOKIES[kind]
  return `${nameOf(kind, config)}=${value}; Path=/; HttpOnly;${secure} SameSite=Lax; Max-Age=${value === '' ? 0 : maxAge}`
}
