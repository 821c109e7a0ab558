import type { Config } from '../config.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** `host` or `host:port`; IPv6 in brackets. */
const HOST_HEADER = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** The host of an origin: no path, no user, so that it need not be parsed for each request. */
const hostnameOf = (origin: string): string =>
  /^https?:\/\/(\[[^\]]*\]|[^:]+)/.exec(origin)?.[1] ?? ''

/** Whether a host name is this machine itself. */
export const isLoopbackHost = (hostname: string): boolean => LOOPBACK.has(hostname)

/** Whether an origin is a scheme and exactly this host and port, as nearly every client sends them. */
const isAuthority = (host: string, origin: string): boolean =>
  origin.endsWith(host) && origin.startsWith('//', origin.length - host.length - 2)

/**
 * Whether a Host header names us: the public URL's host on any port, and every loopback name while the public URL is
 * on loopback. Anything else is a rebound DNS name or a misdirected proxy.
 */
export function isOurHost(host: string | null, config: Pick<Config, 'publicUrl'>): boolean {
  if (host !== null && isAuthority(host, config.publicUrl)) return true
  const hostname = HOST_HEADER.exec((host ?? '').toLowerCase())?.[1]
  if (hostname === undefined) return false
  const ours = hostnameOf(config.publicUrl)
  return hostname === ours || (isLoopbackHost(ours) && isLoopbackHost(hostname))
}

/**
 * Whether a page of this origin may talk to us: our own, an allowed one, and any on loopback while the public URL is
 * there. A request without an Origin header is no page's.
 */
export function isOurOrigin(
  origin: string,
  config: Pick<Config, 'publicUrl' | 'allowedOrigins'>,
): boolean {
  if (origin === config.publicUrl || config.allowedOrigins.includes(origin)) return true
  if (!URL.canParse(origin) || !isLoopbackHost(hostnameOf(config.publicUrl))) return false
  const url = new URL(origin)
  return url.origin === origin && isLoopbackHost(url.hostname)
}
