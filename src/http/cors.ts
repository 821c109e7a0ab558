import type { Config } from '../config.ts'
import { isOurOrigin } from './hosts.ts'
import type { Rule } from './surface.ts'

/** Headers that MCP clients in browsers send; `Authorization` is never covered by a wildcard. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Accept',
  'Last-Event-ID',
  'MCP-Protocol-Version',
  'Mcp-Session-Id',
  'Mcp-Method',
  'Mcp-Name',
].join(', ')

/** Headers that those clients read. */
const REPLY_HEADERS = 'Mcp-Session-Id, WWW-Authenticate, Retry-After'

/** How long a browser may remember a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600

const SNIFF = Object.freeze({ 'X-Content-Type-Options': 'nosniff' })
const EXPOSED = { ...SNIFF, 'Access-Control-Expose-Headers': REPLY_HEADERS }
const FOR_ANYONE = Object.freeze({ ...EXPOSED, 'Access-Control-Allow-Origin': '*' })
const FOR_NO_PAGE = Object.freeze({ ...SNIFF, Vary: 'Origin' })

/** The headers of every answer on a path with this rule; none of CORS when the origin may not read it. */
export function standingHeaders(
  rule: Pick<Rule, 'cors'>,
  origin: string | null,
  config: Pick<Config, 'publicUrl' | 'allowedOrigins'>,
): Readonly<Record<string, string>> {
  if (rule.cors === 'any') return FOR_ANYONE
  if (rule.cors === 'none') return SNIFF
  if (origin === null || !isOurOrigin(origin, config)) return FOR_NO_PAGE
  return { ...EXPOSED, 'Access-Control-Allow-Origin': origin, Vary: 'Origin' }
}

/** Whether a request is a CORS preflight (Fetch §3.3): it carries no credentials and must be answered before them. */
export const isPreflight = (request: Request): boolean =>
  request.method === 'OPTIONS' && request.headers.has('access-control-request-method')

/** What a preflight learns beyond standingHeaders. */
export const preflightHeaders = (rule: Rule, request: Request): Record<string, string> => ({
  'Access-Control-Allow-Methods': rule.methods.join(', '),
  'Access-Control-Allow-Headers': [REQUEST_HEADERS, ...paramHeaders(request)].join(', '),
  'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
})

/** Headers in which a tool's parameters travel: how they are called is the tool's own (2026-07-28 streamable-http). */
const paramHeaders = ({ headers }: Request): string[] =>
  (headers.get('access-control-request-headers') ?? '').match(/\bmcp-param-[\w-]+/gi) ?? []
