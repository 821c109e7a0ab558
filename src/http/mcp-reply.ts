import { RPC } from '../errors.ts'
import type { ExchangeReply } from '../mcp/exchange.ts'
import { type Rejection, rejectionText } from '../mcp/inbound.ts'
import { errorText } from '../mcp/rpc.ts'
import type { Policy } from '../oauth/policy.ts'
import type { Refusal } from '../session/refusal.ts'
import { unauthorized } from './guard.ts'
import type { Reply } from './reply.ts'

const JSON_HEADERS = Object.freeze({
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
})

const STREAM_HEADERS = Object.freeze({
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  // nginx holds a stream back otherwise.
  'X-Accel-Buffering': 'no',
})

/** Counted in the metrics; nobody reads it. */
const CLIENT_GONE = 499

/** What every request gets on a session that is not the caller's own living one; clients look for its code literally. */
const SESSION_NOT_FOUND =
  '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found","data":{"error":"session_expired","retry":"re-initialize"}},"id":null}'

/** A JSON-RPC message as the whole answer. */
export const jsonReply = (
  status: number,
  body: string | ReadableStream<Uint8Array>,
  headers?: Record<string, string>,
): Reply => ({ status, body, headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS })

/** 202 for notifications and responses that were taken. */
export const accepted = (): Reply => ({ status: 202, body: null })

/** 404 that tells a client to initialize anew. */
export const sessionNotFound = (): Reply => jsonReply(404, SESSION_NOT_FOUND)

/** 413 for a body over the cap. */
export const tooLarge = (): Reply =>
  jsonReply(413, errorText(undefined, RPC.invalidRequest, 'Request body too large'))

/** What a request that goes no further is answered with. */
export const rejected = (rejection: Rejection): Reply =>
  jsonReply(
    rejection.status,
    rejectionText(rejection),
    rejection.status === 405 ? { Allow: 'POST' } : undefined,
  )

/** An event stream; `headers` are the session's. */
export const streamReply = (
  body: ReadableStream<Uint8Array>,
  headers?: Record<string, string>,
): Reply => ({
  status: 200,
  body,
  headers: headers ? { ...STREAM_HEADERS, ...headers } : STREAM_HEADERS,
})

/** 204: there is nothing more to come on the stream that was asked for; SDKs stop asking. */
export const nothingMore = (): Reply => ({ status: 204, body: null })

/** For a client that went away before there was anything to tell it. */
export const noReply = (): Reply => ({ status: CLIENT_GONE, body: null })

/** What an exchange came to; `headers` are the session's. */
export function exchangeReply(reply: ExchangeReply, headers?: Record<string, string>): Reply {
  switch (reply.kind) {
    case 'json':
      return jsonReply(200, reply.body, headers)
    case 'stream':
      return streamReply(reply.body, headers)
    case 'gone':
      return noReply()
  }
}

/** What to do about a refusal: a model reads it, or a person. */
const ADVICE: Record<Exclude<Refusal['kind'], 'not-found'>, string> = {
  full: 'Try again in a few seconds.',
  'start-failed': 'Try again in a while; if it stays so, tell whoever runs this server.',
  later: 'Try again in a while.',
  login: 'Connect this server again in the client, which asks to sign in to Forgejo.',
  operator: 'Only whoever runs this server can mend it.',
}

/** The JSON-RPC error of a refusal, for a member of a batch. */
export const refusalText = (refusal: Refusal, idText: string | undefined): string =>
  refusal.kind === 'not-found'
    ? errorText(idText, RPC.sessionNotFound, 'Session not found')
    : errorText(idText, RPC.unavailable, `${refusal.reason}. ${ADVICE[refusal.kind]}`, {
        reason: refusal.kind,
      })

/** Why no child took the request: 404, 401 with the challenge, or 503 with `Retry-After` in whole seconds. */
export function refused(refusal: Refusal, policy: Policy, idText: string | undefined): Reply {
  switch (refusal.kind) {
    case 'not-found':
      return sessionNotFound()
    case 'login':
      return unauthorized(policy, true)
    case 'full':
    case 'start-failed':
    case 'later':
    case 'operator': {
      return jsonReply(503, refusalText(refusal, idText), retryAfter(refusal.retryAfterMs))
    }
  }
}

/** When to come again, in whole seconds. */
export const retryAfter = (ms = 5_000): Record<string, string> => ({
  'Retry-After': String(Math.min(60, Math.max(1, Math.ceil(ms / 1_000)))),
})
