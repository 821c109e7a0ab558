import { NOTIFICATIONS, REQUESTS } from './methods.ts'
import type { Params, RpcNotification, RpcRequest, RpcResponse } from './rpc.ts'

/**
 * Writes a client's request anew for a child, on one line: the child's id, the method, and of `params` only the
 * members that this method has. What a known member holds is passed by value; it is the tool's own.
 * A method that is not known gets no member but `_meta`.
 * @param childId the id that the child will answer
 * @param known the members of `params` that the child knows: those of the legacy revisions unless said otherwise
 * @param progressToken stands in for the caller's own, which is left out otherwise
 */
export function rebuildRequest(
  message: RpcRequest,
  childId: number,
  known: readonly string[] | undefined = REQUESTS.get(message.method),
  progressToken?: number,
): string {
  const { params: given } = message
  const params = isKnown(given, known) ? given : knownParams(given, known, progressToken)
  return JSON.stringify({ jsonrpc: '2.0', id: childId, method: message.method, params })
}

/** Whether nothing is to be left out: there is no `_meta` either, in which something always may be. */
function isKnown(params: Params | undefined, known: readonly string[] = []): boolean {
  for (const name in params) if (!known.includes(name)) return false
  return true
}

/** Writes a client's notification anew for a child, on one line. */
export function rebuildNotification(message: RpcNotification): string {
  const params = knownParams(message.params, NOTIFICATIONS.get(message.method))
  return JSON.stringify({ jsonrpc: '2.0', method: message.method, params })
}

/**
 * Writes a client's answer anew for the child that asked, on one line.
 * @param childIdText JSON source of the id of the child's request
 */
export function rebuildResponse(message: RpcResponse, childIdText: string): string {
  const { error, result } = message
  const outcome =
    error === undefined
      ? `"result":${JSON.stringify(result)}`
      : `"error":${JSON.stringify({ code: error.code, message: error.message, data: error.data })}`
  return `{"jsonrpc":"2.0","id":${childIdText},${outcome}}`
}

function knownParams(
  params: Params | undefined,
  known: readonly string[] = [],
  progressToken?: number,
): Params | undefined {
  if (params === undefined) return undefined
  const kept: Params = {}
  for (const name of known) if (Object.hasOwn(params, name)) kept[name] = params[name]
  const meta = knownMeta(params._meta, progressToken)
  if (meta !== undefined) kept._meta = meta
  return kept
}

/** `_meta` belongs to the peers (MCP basic, "_meta"), so unknown keys stay; only the progress token is ours. */
function knownMeta(meta: unknown, progressToken: number | undefined): Params | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined
  const kept: Params = Object.fromEntries(
    Object.entries(meta).filter(([key]) => key !== 'progressToken'),
  )
  if (progressToken !== undefined) kept.progressToken = progressToken
  return kept
}
