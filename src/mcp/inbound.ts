import { RPC } from '../errors.ts'
import { err, ok, type Result } from '../result.ts'
import { accepts, isJson } from './accept.ts'
import { allowsBatches, eraOf, isLegacyVersion, isModernVersion } from './era.ts'
import type { ParseFailure } from './parse.ts'
import { type ClientMessage, errorText, type RpcNotification, type RpcRequest } from './rpc.ts'

/** The headers that decide how a request on /mcp is read; undefined when absent. */
export interface InboundHeaders {
  accept: string | undefined
  contentType: string | undefined
  /** `MCP-Protocol-Version` */
  protocolVersion: string | undefined
  /** `Mcp-Session-Id` */
  sessionId: string | undefined
}

/** A request that goes no further: an HTTP status and a JSON-RPC error. */
export interface Rejection extends ParseFailure {
  status: 400 | 404 | 405 | 406 | 415
}

/** Where a request on /mcp goes. */
export type Route =
  | { kind: 'modern'; message: RpcRequest | RpcNotification }
  | { kind: 'initialize'; request: RpcRequest }
  | { kind: 'session'; sessionId: string; messages: ClientMessage[]; batch: boolean }

const JSON_TYPE = 'application/json'
const STREAM_TYPE = 'text/event-stream'
/** As nearly every client writes it. */
const BOTH_TYPES = `${JSON_TYPE}, ${STREAM_TYPE}`

const FIT = ok(undefined)

const reject = (
  status: Rejection['status'],
  message: string,
  rest: { code?: number; idText?: string | undefined } = {},
) => {
  const { code = RPC.invalidRequest, idText } = rest
  const rejection: Rejection = { status, code, message }
  return err(idText === undefined ? rejection : { ...rejection, idText })
}

/** The body of a rejection's reply. */
export const rejectionText = ({ idText, code, message }: ParseFailure): string =>
  errorText(idText, code, message)

/** What a body that parseBody refused is answered with. */
export const parseRejection = (failure: ParseFailure): Rejection => ({ status: 400, ...failure })

/**
 * The checks of a POST that need no body: 415 for a content type that is not JSON, 406 when the client does not take
 * both kinds of reply (2025-11-25 transports, "Sending Messages").
 */
export function checkPostHeaders(headers: InboundHeaders): Result<void, Rejection> {
  if (!isJson(headers.contentType)) {
    return reject(415, `Unsupported Media Type: Content-Type must be ${JSON_TYPE}`)
  }
  if (headers.accept === BOTH_TYPES) return FIT
  if (!accepts(headers.accept, JSON_TYPE) || !accepts(headers.accept, STREAM_TYPE)) {
    return reject(406, `Not Acceptable: the client must accept ${JSON_TYPE} and ${STREAM_TYPE}`)
  }
  return FIT
}

/**
 * Decides where the messages of a POST go. The first rule that applies counts:
 * 1. a stateless (modern) message stands alone and needs no session; as an answer it is 400, because such clients
 *    bring their answers along with their next request;
 * 2. an unknown `MCP-Protocol-Version` is 400; at initialize, where it is not needed, a modern one is fine as well;
 * 3. initialize stands alone and opens a session, whatever session id came with it;
 * 4. everything else needs a session id, 400.
 */
export function routePost(
  headers: InboundHeaders,
  body: { messages: ClientMessage[]; batch: boolean },
): Result<Route, Rejection> {
  const { messages, batch } = body
  const { protocolVersion } = headers
  for (const message of messages) {
    if (eraOf(message, protocolVersion) !== 'modern') continue
    if (batch) return reject(400, 'Invalid Request: a modern message in a batch')
    if (message.kind === 'response')
      return reject(400, 'Invalid Request: a response to a request that was never sent')
    return ok({ kind: 'modern', message })
  }
  const idText = soleId(messages)
  const opening = messages.find(isInitialize)
  const version = checkVersion(protocolVersion, opening !== undefined, idText)
  if (!version.ok) return version
  if (opening !== undefined && batch) return reject(400, 'Invalid Request: initialize in a batch')
  if (opening !== undefined) return ok({ kind: 'initialize', request: opening })
  const session = requireSession(headers, idText)
  if (!session.ok) return session
  return ok({ kind: 'session', sessionId: session.value, messages, batch })
}

/**
 * Decides about a GET (406 unless event streams are taken) or a DELETE: the session id, or why not. Stateless
 * clients have neither (405).
 */
export function routeSession(
  method: 'GET' | 'DELETE',
  headers: InboundHeaders,
): Result<string, Rejection> {
  const { protocolVersion } = headers
  if (protocolVersion !== undefined && isModernVersion(protocolVersion))
    return reject(405, 'Method Not Allowed: this revision has no sessions')
  if (method === 'GET' && !accepts(headers.accept, STREAM_TYPE)) {
    return reject(406, `Not Acceptable: the client must accept ${STREAM_TYPE}`)
  }
  const version = checkVersion(protocolVersion, false)
  return version.ok ? requireSession(headers, undefined) : version
}

/** 400 for a batch in a session whose revision has none. */
export function checkBatch(batch: boolean, protocolVersion: string): Result<void, Rejection> {
  if (!batch || allowsBatches(protocolVersion)) return ok(undefined)
  return reject(400, `Invalid Request: revision ${protocolVersion} has no batches`)
}

const isInitialize = (message: ClientMessage): message is RpcRequest =>
  message.kind === 'request' && message.method === 'initialize'

/** The id that an error echoes: of a single request. */
function soleId(messages: readonly ClientMessage[]): string | undefined {
  const [message, another] = messages
  return another === undefined && message?.kind === 'request' ? message.idText : undefined
}

function checkVersion(
  version: string | undefined,
  modernToo: boolean,
  idText?: string,
): Result<void, Rejection> {
  if (version === undefined || isLegacyVersion(version)) return FIT
  if (modernToo && isModernVersion(version)) return FIT
  return reject(400, 'Bad Request: MCP-Protocol-Version is not supported', { idText })
}

function requireSession(
  { sessionId }: InboundHeaders,
  idText: string | undefined,
): Result<string, Rejection> {
  if (sessionId !== undefined && sessionId !== '') return ok(sessionId)
  return reject(400, 'Bad Request: Mcp-Session-Id is missing', { idText })
}
