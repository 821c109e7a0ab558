import type { Bases } from './bases.ts'
import { parseUrl } from './bases.ts'

/** What is taken over from a child's request, besides every `If-*`. */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'content-type',
  'content-length',
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'user-agent',
]

/** What is handed back of Forgejo's answer; cookies and everything that concerns one hop stay behind. */
const RESPONSE_HEADERS = [
  'accept-ranges',
  'allow',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'retry-after',
  'vary',
  'warning',
  'x-gitea-object-type',
  'x-hasmore',
  'x-page',
  'x-pagecount',
  'x-perpage',
  'x-total',
  'x-total-count',
]

/** The headers to send upstream for a child's request, with the account's token put in. */
export function requestHeaders(from: Headers, token: string, listing: boolean): Headers {
  const headers = new Headers()
  for (const name of REQUEST_HEADERS) {
    const value = from.get(name)
    if (value !== null) headers.set(name, value)
  }
  // Without one, fetch would offer encodings that the child never asked for; a listing must be read here.
  if (listing || !headers.has('accept-encoding')) headers.set('accept-encoding', 'identity')
  if (listing) headers.delete('range')
  headers.set('authorization', `token ${token}`)
  return headers
}

/** The headers of Forgejo's answer that a child gets; Location is judged elsewhere. */
export function responseHeaders(from: Headers, bases: Bases): Headers {
  const headers = new Headers()
  for (const name of RESPONSE_HEADERS) {
    const value = from.get(name)
    if (value !== null) headers.set(name, value)
  }
  const link = from.get('link')
  const ours = link === null ? undefined : relayLinks(link, bases)
  if (ours !== undefined) headers.set('link', ours)
  return headers
}

/** A Link header (RFC 8288) with Forgejo's URLs turned into the relay's; undefined when one leads elsewhere. */
function relayLinks(link: string, bases: Bases): string | undefined {
  let leavesForgejo = false
  const links = link.replace(/<([^>]*)>/g, (_, target: string) => {
    const url = parseUrl(target)
    const path = url && bases.below(url)
    if (path === undefined) leavesForgejo = true
    return `<${bases.relay}${path}>`
  })
  return leavesForgejo ? undefined : links
}
