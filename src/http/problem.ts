import { randomId } from '../crypto.ts'
import { OAuthError, RPC } from '../errors.ts'
import type { HttpDeps } from './deps.ts'
import {
  badRequestPage,
  failurePage,
  notFoundPage,
  slowDownPage,
  wrongMethodPage,
} from './problem-page.ts'
import { type Reply, responseOf } from './reply.ts'
import { pathOf } from './request.ts'
import { type Rule, ruleFor } from './surface.ts'

const NOT_STORED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

/** An object as JSON that no cache keeps. */
const plainReply = (status: number, body: object, headers?: Record<string, string>): Reply => ({
  status,
  body: JSON.stringify(body),
  headers: { ...JSON_TYPE, ...NOT_STORED, ...headers },
})

/** An OAuth error as JSON (RFC 6749 §5.2). */
export function oauthErrorReply(error: OAuthError, headers: Record<string, string> = {}): Reply {
  const { retryAfter } = error.options
  const body = { error: error.code, error_description: error.description }
  return plainReply(error.status, body, {
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    ...headers,
  })
}

/** The same as a response. */
export const oauthErrorResponse = (error: OAuthError, headers?: Record<string, string>): Response =>
  responseOf(oauthErrorReply(error, headers))

/** A JSON-RPC error that answers no particular request. */
const rpcErrorResponse = (status: number, code: number, message: string, data?: object): Response =>
  Response.json(
    { jsonrpc: '2.0', error: { code, message, ...(data && { data }) }, id: null },
    { status, headers: NOT_STORED },
  )

/** Whether a person looks at the answer: the path is a page's, or a browser navigates there. */
const wantsPage = (rule: Rule, request: Request): boolean =>
  rule.speech === 'page' &&
  (rule.methods.length > 0 || (request.headers.get('accept') ?? '').includes('text/html'))

/** 404 for a path that is not there. */
export function notFound(rule: Rule, request: Request): Response {
  if (wantsPage(rule, request)) return notFoundPage()
  return Response.json({ error: 'not_found' }, { status: 404, headers: NOT_STORED })
}

/** 405 with the methods that the path does take. */
export function wrongMethod(rule: Rule): Response {
  const allow = rule.methods.join(', ')
  if (rule.speech === 'page') return wrongMethodPage(allow)
  return Response.json(
    { error: 'method_not_allowed' },
    { status: 405, headers: { ...NOT_STORED, Allow: allow } },
  )
}

/** 429 that says after how many seconds to come again. */
export function tooMany(rule: Rule, seconds: number): Response {
  if (rule.speech === 'page') return slowDownPage(seconds)
  const retryAfter = seconds
  const error = new OAuthError('temporarily_unavailable', 'too many requests', {
    status: 429,
    retryAfter,
  })
  return oauthErrorResponse(error)
}

/** 403 for a Host or an Origin that is not ours. */
export const forbidden = (what: 'Host' | 'Origin'): Reply =>
  plainReply(403, {
    error: 'forbidden',
    error_description: `the ${what} header does not name this broker`,
  })

/** Codes that Elysia gives to requests it cannot make sense of. */
const BAD_REQUESTS = new Set([
  'PARSE',
  'VALIDATION',
  'INVALID_COOKIE_SIGNATURE',
  'INVALID_FILE_TYPE',
])

/**
 * The only place where an error becomes bytes. A refusal says what its code may say; everything else is a fixed text
 * with an id, and the log has the rest under that id.
 */
export function problemResponse(
  deps: Pick<HttpDeps, 'log' | 'metrics'>,
  request: Request,
  code: string | number,
  error: unknown,
): Response {
  const path = pathOf(request)
  const rule = ruleFor(path)
  if (error instanceof OAuthError) {
    deps.metrics.refusals.inc({ code: error.code })
    deps.log.info('request refused', {
      path,
      code_sent: error.code,
      reason: error.options.detail ?? error.description,
    })
    return rule.speech === 'page'
      ? badRequestPage(error.status)
      : oauthErrorResponse(error, challengeBack(error, request))
  }
  if (code === 'NOT_FOUND') return notFound(rule, request)
  if (BAD_REQUESTS.has(String(code))) {
    if (rule.speech === 'page') return badRequestPage(400)
    if (rule.speech === 'rpc') return rpcErrorResponse(400, RPC.invalidRequest, 'Invalid Request')
    return oauthErrorResponse(new OAuthError('invalid_request', 'the request is malformed'))
  }
  const id = randomId('error')
  deps.log.error('request failed', { id, path, method: request.method, error })
  if (rule.speech === 'page') return failurePage(id)
  if (rule.speech === 'rpc')
    return rpcErrorResponse(500, RPC.internalError, 'Internal error', { id })
  return oauthErrorResponse(new OAuthError('server_error', `something broke here: ${id}`))
}

/** RFC 6749 §5.2: a client that tried to authenticate with a header is told the scheme again. */
const challengeBack = (error: OAuthError, request: Request): Record<string, string> =>
  error.status === 401 && request.headers.has('authorization')
    ? { 'WWW-Authenticate': 'Basic realm="fjmcp-broker"' }
    : {}
