import type { Exchange } from '../mcp/exchange.ts'
import type { ClientMessage, RpcRequest } from '../mcp/rpc.ts'
import { err, ok, type Result, type Soon } from '../result.ts'
import type { Refusal } from '../session/refusal.ts'
import type { Session } from '../session/session.ts'
import type { Caller, McpDeps } from './deps.ts'
import {
  accepted,
  exchangeReply,
  jsonReply,
  refusalText,
  refused,
  sessionNotFound,
} from './mcp-reply.ts'
import { denied, deniedReply } from './mcp-scope.ts'
import type { Reply } from './reply.ts'

/** An exchange that waits for the child, or the reply when there is one already. */
export type Taken = Result<Exchange, Reply>

/** Most that a child may say before it answers `initialize`, in messages; more is dropped. */
const MAX_EARLY_MESSAGES = 256

/** The reply waits for the session: its id is a header. What the child says before that is told after. */
export async function initialize(
  request: RpcRequest,
  caller: Caller,
  deps: McpDeps,
): Promise<Reply> {
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
  const exchange = deps.openExchange({
    streams: session.value.streams,
    ids: [request.idText],
    holder: caller,
  })
  for (const text of early) exchange.message(text)
  exchange.end(result)
  return exchangeReply(await exchange.respond(), { 'Mcp-Session-Id': sessionId })
}

/** Hands one request to the session's child: the exchange that it opens, or the reply. */
export function call(
  http: Request,
  session: Session,
  request: RpcRequest,
  caller: Caller,
  deps: McpDeps,
): Soon<Taken> {
  const refusal = denied(deps, caller, session, request, false)
  if (refusal) return err(deniedReply(deps, refusal))
  const exchange = deps.openExchange({
    streams: session.streams,
    ids: [request.idText],
    holder: caller,
    client: http,
  })
  const shown = deps.permissions.shown(request, caller.scopes, exchange)
  const taken = session.request(caller, request, shown)
  return taken instanceof Promise
    ? taken.then((came) => opened(came, exchange, request, deps))
    : opened(taken, exchange, request, deps)
}

const opened = (
  taken: Result<unknown, Refusal>,
  exchange: Exchange,
  { idText }: RpcRequest,
  { policy }: McpDeps,
): Taken => (taken.ok ? ok(exchange) : err(refused(taken.error, policy, idText)))

/** Hands notifications, responses or a batch to the session's child: requests open an exchange, the rest is 202. */
export async function converse(
  http: Request,
  session: Session,
  messages: readonly ClientMessage[],
  caller: Caller,
  deps: McpDeps,
): Promise<Taken> {
  const requests = messages.filter((message) => message.kind === 'request')
  const exchange = deps.openExchange({
    streams: session.streams,
    ids: requests.map(({ idText }) => idText),
    batch: true,
    holder: caller,
    client: http,
  })
  const { sinks } = exchange
  const handed = messages.map(async (message) => {
    if (message.kind === 'notification') return await session.notify(caller, message)
    if (message.kind === 'response') return await session.answer(caller, message)
    const sink = sinks[requests.indexOf(message)] ?? exchange
    const refusal = denied(deps, caller, session, message, true)
    if (refusal) return ok(sink.end(refusal.text))
    const shown = deps.permissions.shown(message, caller.scopes, sink)
    const taken = await session.request(caller, message, shown)
    if (!taken.ok) sink.end(refusalText(taken.error, message.idText))
    return taken
  })
  const outcomes = await Promise.all(handed)
  if (requests.length > 0) return ok(exchange)
  for (const taken of outcomes)
    if (!taken.ok) return err(refused(taken.error, deps.policy, undefined))
  return err(accepted())
}
