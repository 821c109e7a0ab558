import { Elysia } from 'elysia'
import { type Exchange, openExchange } from '../mcp/exchange.ts'
import {
  checkBatch,
  checkPostHeaders,
  type InboundHeaders,
  parseRejection,
  routePost,
  routeSession,
} from '../mcp/inbound.ts'
import { parseBody } from '../mcp/parse.ts'
import type { ClientMessage, RpcRequest } from '../mcp/rpc.ts'
import { ok, type Soon } from '../result.ts'
import type { Session } from '../session/session.ts'
import type { Caller, HttpDeps } from './deps.ts'
import { bearerPlugin, guardMcp } from './guard.ts'
import {
  accepted,
  exchangeReply,
  jsonReply,
  nothingMore,
  refusalText,
  refused,
  rejected,
  sessionNotFound,
  streamReply,
  tooLarge,
} from './mcp-reply.ts'
import { denied, deniedReply } from './mcp-scope.ts'
import { modern } from './modern.ts'
import { readBody } from './request.ts'

/** Most that a child may say before it answers `initialize`, in messages; more is dropped. */
const MAX_EARLY_MESSAGES = 256

/** POST, GET and DELETE on /mcp (MCP Streamable HTTP), in the order of checks that the status table has. */
export async function answerMcp(
  request: Request,
  deps: HttpDeps,
  pluginToken?: string,
): Promise<Response> {
  const guarded = guardMcp(request, deps, pluginToken)
  const response =
    guarded instanceof Response ? guarded : await answer(request, guarded.caller, deps)
  deps.metrics.requests.inc({ method: request.method, status: String(response.status) })
  return response
}

/** The same as a route. */
export const mcpRoutes = (deps: HttpDeps) =>
  new Elysia({ name: 'mcp' })
    .use(bearerPlugin())
    .all('/mcp', ({ request, bearer }) => answerMcp(request, deps, bearer), { parse: 'none' })

function headersOf({ headers }: Request): InboundHeaders {
  const get = (name: string) => headers.get(name) ?? undefined
  return {
    accept: get('accept'),
    contentType: get('content-type'),
    protocolVersion: get('mcp-protocol-version'),
    sessionId: get('mcp-session-id'),
  }
}

function answer(request: Request, caller: Caller, deps: HttpDeps): Soon<Response> {
  const headers = headersOf(request)
  if (request.method === 'POST') return post(request, headers, deps)
  const route = routeSession(request.method === 'GET' ? 'GET' : 'DELETE', headers)
  if (!route.ok) return rejected(route.error)
  const session = deps.registry.find(caller, route.value)
  if (!session.ok) return sessionNotFound()
  if (request.method === 'GET') return listen(request, session.value, caller, deps)
  deps.registry.end(session.value, 'by the client')
  return new Response(null, { status: 204 })
}

/** A stream for what belongs to no call, or what a client missed on the one that its `Last-Event-ID` names. */
function listen(request: Request, session: Session, caller: Caller, deps: HttpDeps): Response {
  const reader = session.listen(caller, request.headers.get('last-event-id') || undefined)
  if (!reader.ok) return refused(reader.error, deps.policy, undefined)
  if (reader.value === undefined) return nothingMore()
  const { body, drop } = reader.value
  request.signal.addEventListener('abort', drop, { once: true })
  if (request.signal.aborted) drop()
  return streamReply(body)
}

async function post(request: Request, headers: InboundHeaders, deps: HttpDeps) {
  const { maxBodyBytes } = deps.config
  if (Number(request.headers.get('content-length') ?? 0) > maxBodyBytes) return tooLarge()
  const fit = checkPostHeaders(headers)
  if (!fit.ok) return rejected(fit.error)
  const body = await readBody(request, maxBodyBytes)
  if (!body.ok) return tooLarge()
  // A body may come slowly, and the login may have ended meanwhile.
  const guarded = guardMcp(request, deps)
  if (guarded instanceof Response) return guarded
  const { caller } = guarded
  const parsed = parseBody(body.value)
  if (!parsed.ok) return rejected(parseRejection(parsed.error))
  const route = routePost(headers, parsed.value)
  if (!route.ok) return rejected(route.error)
  if (route.value.kind === 'modern') return await modern(request, route.value.message, caller, deps)
  if (route.value.kind === 'initialize') return await initialize(route.value.request, caller, deps)

  const { sessionId, messages, batch } = route.value
  const session = deps.registry.find(caller, sessionId)
  if (!session.ok) return sessionNotFound()
  const allowed = checkBatch(batch, session.value.protocolVersion)
  if (!allowed.ok) return rejected(allowed.error)
  const [message] = messages
  if (!batch && message?.kind === 'request')
    return await call(request, session.value, message, caller, deps)
  return await converse(request, session.value, messages, caller, deps)
}

/** The reply waits for the session: its id is a header. What the child says before that is told after. */
async function initialize(request: RpcRequest, caller: Caller, deps: HttpDeps): Promise<Response> {
  const early: string[] = []
  let result = ''
  const opened = await deps.registry.initialize(caller, request, {
    message(text) {
      if (early.length < MAX_EARLY_MESSAGES) early.push(text)
    },
    end(text) {
      result = text
    },
  })
  if (!opened.ok) return refused(opened.error, deps.policy, request.idText)
  const { sessionId } = opened.value
  if (sessionId === undefined) return jsonReply(200, result)
  const session = deps.registry.find(caller, sessionId)
  if (!session.ok) return sessionNotFound()
  const exchange = openExchange({
    clock: deps.clock,
    streams: session.value.streams,
    ids: [request.idText],
    holder: caller,
  })
  for (const text of early) exchange.message(text)
  exchange.end(result)
  return exchangeReply(await exchange.respond(), { 'Mcp-Session-Id': sessionId })
}

/** Hands one request to the session's child. */
async function call(
  http: Request,
  session: Session,
  request: RpcRequest,
  caller: Caller,
  deps: HttpDeps,
): Promise<Response> {
  const refusal = denied(deps, caller, session, request, false)
  if (refusal) return deniedReply(deps, refusal)
  const { clock, permissions, policy } = deps
  const { streams } = session
  const exchange = openExchange({ clock, streams, ids: [request.idText], holder: caller })
  const shown = permissions.shown(request, caller.scopes, exchange)
  const taken = await session.request(caller, request, shown)
  return taken.ok ? replyOf(exchange, http) : refused(taken.error, policy, request.idText)
}

/** Hands notifications, responses or a batch to the session's child: requests open an exchange, the rest is 202. */
async function converse(
  http: Request,
  session: Session,
  messages: readonly ClientMessage[],
  caller: Caller,
  deps: HttpDeps,
): Promise<Response> {
  const requests = messages.filter((message) => message.kind === 'request')
  const exchange = openExchange({
    clock: deps.clock,
    streams: session.streams,
    ids: requests.map(({ idText }) => idText),
    batch: true,
    holder: caller,
  })
  const handed = messages.map(async (message) => {
    if (message.kind === 'notification') return await session.notify(caller, message)
    if (message.kind === 'response') return await session.answer(caller, message)
    const sink = exchange.sinks[requests.indexOf(message)] ?? exchange
    const refusal = denied(deps, caller, session, message, true)
    if (refusal) return ok(sink.end(refusal.text))
    const shown = deps.permissions.shown(message, caller.scopes, sink)
    const taken = await session.request(caller, message, shown)
    if (!taken.ok) sink.end(refusalText(taken.error, message.idText))
    return taken
  })
  const outcomes = await Promise.all(handed)
  if (requests.length > 0) return replyOf(exchange, http)
  for (const taken of outcomes) if (!taken.ok) return refused(taken.error, deps.policy, undefined)
  return accepted()
}

/** What an exchange comes to; nothing once its client is gone. */
function replyOf(exchange: Exchange, http: Request): Promise<Response> {
  const { signal } = http
  signal.addEventListener('abort', () => exchange.disconnect(), { once: true })
  if (signal.aborted) exchange.disconnect()
  return exchange.respond().then(exchangeReply)
}
