import { MODERN_RPC, RPC } from '../../errors.ts'
import { err, ok, type Result } from '../../result.ts'
import { MODERN_VERSIONS } from '../era.ts'
import { MODERN_REQUESTS } from '../methods.ts'
import type { RpcRequest } from '../rpc.ts'
import { type Envelope, readEnvelope } from './envelope.ts'
import { decodeHeader } from './header-value.ts'
import type { ParamHeaders } from './param-headers.ts'

/** The headers that repeat what the body says; undefined when absent. */
export interface ModernHeaders {
  /** `MCP-Protocol-Version` */
  protocolVersion: string | undefined
  /** `Mcp-Method` */
  method: string | undefined
  /** `Mcp-Name` */
  name: string | undefined
  params: ParamHeaders
}

/** A request of a stateless client that passed every check which needs no child. */
export interface ModernCall extends Envelope {
  request: RpcRequest
  paramHeaders: ParamHeaders
}

/** Why a request goes no further: its HTTP status and JSON-RPC error. */
export interface ModernRejection {
  status: 400 | 404
  code: number
  message: string
  data?: Record<string, unknown>
}

/** The methods whose target is repeated in `Mcp-Name`, and the parameter that names it. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tools/call', 'name'],
])

/**
 * The checks of a stateless request, in the order in which clients expect to be told (2026-07-28 streamable-http,
 * "Request Metadata", "Server Validation"): the envelope, the version in the header, whether we speak it, the method
 * and the name in the headers, and whether there is such a method.
 */
export function checkModern(
  request: RpcRequest,
  headers: ModernHeaders,
): Result<ModernCall, ModernRejection> {
  const { method, params = {} } = request
  const envelope = readEnvelope(request.params)
  if (typeof envelope === 'string')
    return err({ status: 400, code: RPC.invalidParams, message: `Invalid params: ${envelope}` })
  const { capabilities, logLevel, version } = envelope
  if (headers.protocolVersion !== version)
    return mismatch('MCP-Protocol-Version does not match the version in _meta')
  if (!(MODERN_VERSIONS as readonly string[]).includes(version)) {
    const data = { supported: [...MODERN_VERSIONS], requested: version }
    const message = 'Unsupported protocol version'
    return err({ status: 400, code: MODERN_RPC.unsupportedVersion, message, data })
  }
  if (headers.method !== method) return mismatch('Mcp-Method does not match the method')
  const key = NAMED.get(method)
  if (key !== undefined) {
    const value = headers.name
    if (value === undefined) return mismatch('Mcp-Name is missing')
    const name = decodeHeader(value)
    if (name === undefined) return mismatch('Mcp-Name is malformed')
    if (name !== params[key]) return mismatch(`Mcp-Name does not match params.${key}`)
  }
  if (!MODERN_REQUESTS.has(method))
    return err({ status: 404, code: RPC.methodNotFound, message: 'Method not found' })
  return ok({ version, capabilities, logLevel, request, paramHeaders: headers.params })
}

const mismatch = (what: string): { ok: false; error: ModernRejection } =>
  err({ status: 400, code: MODERN_RPC.headerMismatch, message: `Header mismatch: ${what}` })
