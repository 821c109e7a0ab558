import { err, ok, type Result } from '../result.ts'

/** Private-use schemes without a dot that real clients registered before RFC 8252 §7.1 asked for one. */
const KNOWN_SCHEMES = new Set(['cursor:', 'vscode:', 'vscode-insiders:'])

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The longest redirect URI that is taken, in characters. */
const MAX_LENGTH = 2_000

/** A host that CSP and a header can name as it is: WHATWG URL lets `;` and `,` through. */
const PLAIN_HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\])$/

/** Visible ASCII without what browsers and servers read differently: quotes, angle brackets, backslash, backtick. */
const PLAIN_URI = /^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5e\x5f\x61-\x7e]+$/

/** `http://localhost`, `http://127.0.0.1` or `http://[::1]`, with or without a port. */
const LOOPBACK_ORIGIN = /^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(?=[/?]|$)/

/** What kind of place a redirect leads to. */
export type RedirectKind = 'web' | 'loopback' | 'private-scheme'

/**
 * Judges whether a redirect URI may be registered: https, http on loopback, or a private-use scheme
 * (`cursor`, `vscode`, `vscode-insiders`, or any with a dot in it); no fragment, no userinfo (RFC 6749 §3.1.2, RFC 8252 §7).
 * The reason is public text. The raw string is judged before parsing, because parsing forgives too much.
 */
export function checkRedirectUri(uri: string): Result<void, string> {
  if (uri.length > MAX_LENGTH) return err(`a redirect URI is longer than ${MAX_LENGTH} characters`)
  if (!PLAIN_URI.test(uri)) return err('a redirect URI has a character that does not belong there')
  if (uri.includes('#')) return err('a redirect URI must not have a fragment')
  if (/^[^:]*:\/\/[^/?]*@/.test(uri)) return err('a redirect URI must not have userinfo')
  if (!URL.canParse(uri)) return err('a redirect URI is not an absolute URI')
  const url = new URL(uri)
  if (url.protocol === 'https:' || url.protocol === 'http:') {
    if (!/^https?:\/\/[^/?]/.test(uri)) return err('a redirect URI is not written as scheme://host')
    if (!PLAIN_HOST.test(url.hostname)) return err('a redirect URI has an unusable host')
    if (url.protocol === 'http:' && !LOOPBACK_HOSTS.has(url.hostname))
      return err('a redirect URI with http must be on loopback')
    return ok(undefined)
  }
  if (!KNOWN_SCHEMES.has(url.protocol) && !url.protocol.includes('.'))
    return err('a private-use redirect URI scheme must have a dot in it')
  return ok(undefined)
}

const withoutLoopbackPort = (uri: string): string => uri.replace(LOOPBACK_ORIGIN, '$1')

/**
 * Whether a requested redirect URI is one of those registered: the same string, or on http loopback
 * the same but for the port (RFC 8252 §7.3; for `localhost` too, which native clients use).
 */
export function matchesRedirectUri(registered: readonly string[], requested: string): boolean {
  if (registered.includes(requested)) return true
  if (!LOOPBACK_ORIGIN.test(requested) || !checkRedirectUri(requested).ok) return false
  const bare = withoutLoopbackPort(requested)
  return registered.some((uri) => LOOPBACK_ORIGIN.test(uri) && withoutLoopbackPort(uri) === bare)
}

/** What kind of place a checked redirect URI leads to. */
export function redirectKind(uri: string): RedirectKind {
  const url = new URL(uri)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'private-scheme'
  return LOOPBACK_HOSTS.has(url.hostname) ? 'loopback' : 'web'
}

/** How the consent page names the place: host and port, or the private scheme without its colon. */
export function redirectHost(uri: string): string {
  const url = new URL(uri)
  return redirectKind(uri) === 'private-scheme' ? url.protocol.slice(0, -1) : url.host
}

/**
 * The CSP source that covers a checked redirect URI: its origin, its scheme when it is a private one,
 * and the bare scheme for an IPv6 host, which a CSP host-source cannot name.
 */
export function redirectSource(uri: string): string {
  const url = new URL(uri)
  if (redirectKind(uri) === 'private-scheme' || url.hostname.startsWith('[')) return url.protocol
  return url.origin
}
