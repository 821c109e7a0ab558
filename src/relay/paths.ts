import { err, ok, type Result } from '../result.ts'
import { type Bases, parseUrl } from './bases.ts'
import { NO_PROXY_HERE, NOT_FOUND, type Refusal } from './refusals.ts'

/** Where a child's request goes: below Forgejo's base, path and query exactly as they will be sent. */
export interface Target {
  /** `version` is answered from what is known; a `listing` is rewritten; an `api` or `download` is passed on. */
  kind: 'version' | 'api' | 'listing' | 'download'
  path: string
}

/** Query keys that would change whom the request acts for. */
const REFUSED_KEYS = ['sudo', 'token', 'access_token']

const SEGMENT = '[^/]+'
/** Web routes that serve attachments and release files. */
const DOWNLOADS = [
  `/attachments/${SEGMENT}`,
  `/${SEGMENT}/${SEGMENT}/attachments/${SEGMENT}`,
  `/${SEGMENT}/${SEGMENT}/releases/attachments/${SEGMENT}`,
  `/${SEGMENT}/${SEGMENT}/releases/download/${SEGMENT}/${SEGMENT}`,
]
const DOWNLOAD = new RegExp(`^(?:${DOWNLOADS.join('|')})$`)
/** API routes whose answers name `browser_download_url`s that a child goes on to fetch; slashes may be doubled. */
const LISTING = new RegExp(
  `^/api/v1/+repos/+${SEGMENT}/+${SEGMENT}/+(?:issues/+(?:comments/+)?|releases/+)${SEGMENT}/+assets(?:/+${SEGMENT})?/*$`,
)
/** A segment of one or two dots once something behind us decodes `%2e`, `%2f` or `%5c`. */
const HIDDEN_DOTS = /(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)/i
const WRAPPED = /^\/_\/([A-Za-z0-9_-]+)$/

/** Whether a method only reads: such a request may be aborted, and any scope allows it. */
export const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'

/**
 * Decides where a request may go. `url` is the request's one parsed URL: its pathname is judged undecoded, and that
 * same string is forwarded, so that nobody behind the relay reads another path than the one that was judged.
 * Refuses with 404 what is neither API nor a download, with 403 a foreign wrapped URL or a refused query key.
 */
export function judge(method: string, url: URL, bases: Bases): Result<Target, Refusal> {
  const wrapped = WRAPPED.exec(url.pathname)
  if (!wrapped) return judgePath(method, url.pathname, url.search)
  if (!isRead(method)) return err(NOT_FOUND)
  const original = parseUrl(unwrap(wrapped[1] ?? '') ?? '')
  if (!original) return err(NOT_FOUND)
  const path = bases.below(original)
  if (path === undefined) return err(foreign(original))
  const below = new URL(bases.relay + path)
  return judgePath(method, below.pathname, below.search)
}

function judgePath(method: string, pathname: string, search: string): Result<Target, Refusal> {
  if (HIDDEN_DOTS.test(pathname)) return err(NOT_FOUND)
  for (const key of new URLSearchParams(search).keys()) {
    if (REFUSED_KEYS.includes(key.toLowerCase()))
      return err({ status: 403, message: `the query parameter ${key.toLowerCase()} is refused` })
  }
  const path = pathname + search
  if (pathname === '/api/v1/version' && method === 'GET') return ok({ kind: 'version', path })
  if (method === 'GET' && LISTING.test(pathname)) return ok({ kind: 'listing', path })
  if (pathname.startsWith('/api/v1/')) return ok({ kind: 'api', path })
  if (isRead(method) && DOWNLOAD.test(pathname)) return ok({ kind: 'download', path })
  return err(NOT_FOUND)
}

/** The relay's URL for one that a child shall fetch through it: `<relay>/_/<base64url>`. */
export const wrap = (original: string, relay: string): string =>
  `${relay}/_/${Buffer.from(original).toString('base64url')}`

/** What stands in the last part of a wrapped URL; undefined when that is no absolute URL. */
export function unwrap(encoded: string): string | undefined {
  const text = Buffer.from(encoded, 'base64url').toString('utf8')
  return URL.canParse(text) ? text : undefined
}

/** The refusal for a URL that is not Forgejo's: it names the host, so that the operator knows what was in the way. */
export const foreign = (url: URL): Refusal => ({
  status: 403,
  message: `${NO_PROXY_HERE.message} (not ${url.host === '' ? url.protocol : url.host})`,
})
