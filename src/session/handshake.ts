import { parseExact } from '../mcp/exact.ts'
import { isObject, type Params, type RpcRequest, rpcRequest } from '../mcp/rpc.ts'
import type { SessionRow } from '../store/sessions.ts'

/** What a child answered to `initialize`. */
export type InitializeAnswer =
  | { kind: 'result'; protocolVersion: string; result: Record<string, unknown> }
  /** A JSON-RPC error: the child does not want this client. */
  | { kind: 'declined'; message: string }
  /** Neither a result nor an error that MCP knows. */
  | { kind: 'nonsense' }

/** Reads a JSON-RPC response to `initialize` (MCP lifecycle, "Initialization"). */
export function readInitialize(text: string): InitializeAnswer {
  const message = parseExact(text)
  if (!isObject(message)) return { kind: 'nonsense' }
  const { result, error } = message
  if (isObject(error))
    return {
      kind: 'declined',
      message: typeof error.message === 'string' ? error.message : 'no message',
    }
  if (!isObject(result) || typeof result.protocolVersion !== 'string') return { kind: 'nonsense' }
  return { kind: 'result', protocolVersion: result.protocolVersion, result }
}

/** Whether a JSON-RPC response is a success. */
export function succeeded(text: string): boolean {
  const message: unknown = JSON.parse(text)
  return isObject(message) && 'result' in message
}

/** The stored `initialize` of a session, to be said to its next child. */
export const storedInitialize = (row: SessionRow): RpcRequest =>
  rpcRequest('initialize', parseExact(row.initializeParams) as Params)

/** What a new child must be told after `initialize`, in order, so that the client notices nothing. */
export function storedRequests(row: SessionRow): RpcRequest[] {
  const level =
    row.logLevel === null ? [] : [rpcRequest('logging/setLevel', { level: row.logLevel })]
  return [...level, ...row.subscriptions.map((uri) => rpcRequest('resources/subscribe', { uri }))]
}

/**
 * Why a child cannot stand in for the one that the client initialised: another protocol version, or a capability
 * that is gone. Undefined when it can; more capabilities and another server version are no hindrance.
 */
export function difference(
  row: Pick<SessionRow, 'protocolVersion' | 'initializeResult'>,
  now: { protocolVersion: string; result: Record<string, unknown> },
): string | undefined {
  if (now.protocolVersion !== row.protocolVersion)
    return `protocol version ${now.protocolVersion} instead of ${row.protocolVersion}`
  const before = JSON.parse(row.initializeResult) as Record<string, unknown>
  const gone = missing(before.capabilities, now.result.capabilities, '')
  return gone === undefined ? undefined : `no capability ${gone} any more`
}

/** The path of the first capability of `before` that `now` lacks. A flag that is false promises nothing. */
function missing(before: unknown, now: unknown, path: string): string | undefined {
  if (before === true) return now === true ? undefined : path
  if (!isObject(before)) return undefined
  if (!isObject(now)) return path === '' ? firstKey(before) : path
  for (const [key, value] of Object.entries(before)) {
    const at = path === '' ? key : `${path}.${key}`
    const gone = missing(value, now[key], at)
    if (gone !== undefined) return gone
  }
  return undefined
}

const firstKey = (value: Record<string, unknown>): string | undefined => Object.keys(value)[0]
