import { checkModern, type ModernHeaders } from '../mcp/modern/check.ts'
import type { ModernReply } from '../mcp/modern/exchange.ts'
import { LIST_MEMBERS, type Outcome } from '../mcp/modern/outcome.ts'
import { errorText, type RpcNotification, type RpcRequest, rpcRequest } from '../mcp/rpc.ts'
import type { Refusal } from '../session/refusal.ts'
import type { Caller, HttpDeps, McpDeps } from './deps.ts'
import { accepted, jsonReply, noReply, refused, retryAfter, streamReply } from './mcp-reply.ts'
import { denied, deniedReply } from './mcp-scope.ts'
import type { Reply } from './reply.ts'

const PARAM_PREFIX = 'mcp-param-'

/** Answers a message of a client of 2026-07-28: everything that it is about is in it. */
export async function modern(
  http: Request,
  message: RpcRequest | RpcNotification,
  caller: Caller,
  deps: McpDeps,
): Promise<Reply> {
  // A client says that it has cancelled by closing the response; it may say so besides.
  if (message.kind === 'notification') return accepted()
  const call = checkModern(message, headersOf(http))
  if (!call.ok) {
    const { status, code, message: text, data } = call.error
    return jsonReply(status, errorText(message.idText, code, text, data))
  }
  const refusal = denied(deps, caller, undefined, message, false)
  if (refusal) return deniedReply(deps, refusal)

  let taken: { cancel(reason: string): void } | undefined
  let gone = false
  const exchange = deps.openModernExchange({
    familyId: caller.familyId,
    client: http,
    gone() {
      gone = true
      taken?.cancel('The client closed the response')
    },
  })
  const coming = deps.registry.modern.request({
    caller,
    call: call.value,
    sink: exchange,
    shown: (text) => shownTo(caller, message, text, deps),
    hasLeft: () => gone,
    mayRead: (uri) => !deps.permissions.denial(reading(uri), caller.scopes),
  })
  const came = coming instanceof Promise ? await coming : coming
  if (!came.ok) return refusedReply(came.error, message, deps)
  taken = came.value
  if (gone) taken.cancel('The client closed the response')
  return replyOf(await exchange.respond())
}

/** There is no session to be found: a child was given up while the request waited for it. */
const refusedReply = (refusal: Refusal, { idText }: RpcRequest, { policy }: McpDeps): Reply =>
  refused(refusal.kind === 'not-found' ? { ...refusal, kind: 'later' } : refusal, policy, idText)

function replyOf(reply: ModernReply): Reply {
  switch (reply.kind) {
    case 'gone':
      return noReply()
    case 'json':
      return outcomeReply(reply.outcome)
    case 'stream':
      return streamReply(reply.body)
  }
}

function headersOf({ headers }: Request): ModernHeaders {
  const get = (name: string) => headers.get(name) ?? undefined
  return {
    protocolVersion: get('mcp-protocol-version'),
    method: get('mcp-method'),
    name: get('mcp-name'),
    // Few tools have any: they are looked for when they are wanted.
    params: { get: (name) => get(PARAM_PREFIX + name) },
  }
}

const reading = (uri: string): RpcRequest => rpcRequest('resources/subscribe', { uri })

/** A listing as the caller may see it. */
function shownTo(
  caller: Caller,
  request: RpcRequest,
  text: string,
  { permissions }: Pick<HttpDeps, 'permissions'>,
): string {
  if (!(request.method in LIST_MEMBERS)) return text
  let shown = text
  const sink = {
    message() {},
    end(edited: string) {
      shown = edited
    },
  }
  permissions.shown(request, caller.scopes, sink).end(text)
  return shown
}

const outcomeReply = ({ status, text, retryAfterMs }: Outcome): Reply =>
  jsonReply(status, text, retryAfterMs === undefined ? undefined : retryAfter(retryAfterMs))
