import type { Config } from '../config.ts'

/** How long the browser keeps the cookie, in seconds: far longer than a login takes. */
const MAX_AGE_SECONDS = 86_400

/** What a cookie value of ours looks like; anything else is not ours. */
const VALUE = /^[A-Za-z0-9_-]{20,128}$/

const isPlainHttp = (config: Pick<Config, 'publicUrl'>): boolean =>
  config.publicUrl.startsWith('http://')

/** `__Host-` forbids a neighbouring subdomain to set it; browsers take that prefix only with Secure, hence not on http loopback. */
const cookieName = (config: Pick<Config, 'publicUrl'>): string =>
  isPlainHttp(config) ? 'fjmcp_browser' : '__Host-fjmcp_browser'

/** The value that marks the browser, from the Cookie header; undefined when there is none of ours. */
export function readBrowserCookie(
  request: Request,
  config: Pick<Config, 'publicUrl'>,
): string | undefined {
  const prefix = `${cookieName(config)}=`
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const text = pair.trim()
    if (!text.startsWith(prefix)) continue
    const value = text.slice(prefix.length)
    return VALUE.test(value) ? value : undefined
  }
  return undefined
}

/** The Set-Cookie header that marks the browser. Lax: it comes along when Forgejo sends the browser back. */
export function browserCookie(value: string, config: Pick<Config, 'publicUrl'>): string {
  const secure = isPlainHttp(config) ? '' : ' Secure;'
  return `${cookieName(config)}=${value}; Path=/; HttpOnly;${secure} SameSite=Lax; Max-Age=${MAX_AGE_SECONDS}`
}
