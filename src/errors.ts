/** The codes of RFC 6749 §5.2, RFC 7591 §3.2.2, RFC 6750 §3.1, RFC 8707 §2 and OpenID Connect Core §3.1.2.6 that we send. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'access_denied'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'invalid_token'
  | 'insufficient_scope'

/** An OAuth refusal: what goes on the wire, and what only the log and the audit may say. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'

  /**
   * @param code the RFC's error code
   * @param description public text, ASCII without quotes or backslashes (RFC 6749 §5.2)
   * @param options `detail` is private; `status` defaults to 401 for `invalid_client`, 500 for `server_error`,
   *   503 for `temporarily_unavailable` and 400 for the rest; `retryAfter` is in seconds
   */
  constructor(
    readonly code: OAuthErrorCode,
    readonly description: string,
    readonly options: {
      status?: number
      detail?: string
      retryAfter?: number
      cause?: unknown
    } = {},
  ) {
    super(`${code}: ${options.detail ?? description}`, { cause: options.cause })
  }

  /** The HTTP status of the refusal. */
  get status(): number {
    if (this.options.status !== undefined) return this.options.status
    if (this.code === 'invalid_client') return 401
    if (this.code === 'server_error') return 500
    return this.code === 'temporarily_unavailable' ? 503 : 400
  }
}

/** JSON-RPC 2.0 §5.1 numbers, MCP's own for an unknown session, and ours from the range left to servers. */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  sessionNotFound: -32001,
  unavailable: -32000,
  insufficientScope: -32010,
} as const

/** The numbers that 2026-07-28 adds (basic/index, "Error Codes"), and one of 2025-11-25 that it took back. */
export const MODERN_RPC = {
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
  /** 2025-11-25 and earlier: a resource that is not there. */
  resourceNotFound: -32002,
  /** 2025-11-25: the user must visit a page first. */
  urlElicitation: -32042,
} as const

/** An operator's mistake: what is wrong and how to mend it. Ends the program with the given exit code. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'

  /**
   * @param message what is wrong
   * @param hint what to do about it
   * @param exitCode 1 for a runtime failure, 2 for configuration or usage
   */
  constructor(
    message: string,
    readonly hint: string,
    readonly exitCode: 1 | 2 = 1,
    cause?: unknown,
  ) {
    super(message, { cause })
  }
}
