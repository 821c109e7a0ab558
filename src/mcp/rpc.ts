/** The parameters of a request or notification: a JSON object. */
export type Params = Record<string, unknown>

/** Whether a parsed value is a JSON object. */
export const isObject = (value: unknown): value is Params =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A request of a client. */
export interface RpcRequest {
  kind: 'request'
  id: string | number
  /** The id's JSON source: what every answer echoes, digit for digit. */
  idText: string
  method: string
  params?: Params
}

export interface RpcNotification {
  kind: 'notification'
  method: string
  params?: Params
}

/** A client's answer to a request of the child: exactly one of `result` and `error` is there. */
export interface RpcResponse {
  kind: 'response'
  id: string | number
  idText: string
  result?: unknown
  error?: { code: number; message: string; data?: unknown }
}

export type ClientMessage = RpcRequest | RpcNotification | RpcResponse

/** A request of the broker's own making, such as the handshake that wakes a session. */
export function rpcRequest(method: string, params?: Params, id = 0): RpcRequest {
  const request: RpcRequest = { kind: 'request', id, idText: String(id), method }
  return params === undefined ? request : { ...request, params }
}

/** A notification of the broker's own making. */
export function rpcNotification(method: string, params?: Params): RpcNotification {
  const notification: RpcNotification = { kind: 'notification', method }
  return params === undefined ? notification : { ...notification, params }
}

/**
 * An error response as one line of JSON (JSON-RPC 2.0 §5.1).
 * @param idText JSON source of the request's id; `null` when the request could not be read
 */
export function errorText(
  idText: string | undefined,
  code: number,
  message: string,
  data?: Record<string, unknown>,
): string {
  return `{"jsonrpc":"2.0","id":${idText ?? 'null'},"error":${JSON.stringify({ code, message, data })}}`
}

/** A result response as one line of JSON. */
export function resultText(idText: string, result: unknown): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`
}
