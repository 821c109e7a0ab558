import { RPC } from '../../errors.ts'
import type { CallSink, OpenCall } from '../../mcp/calls.ts'
import { MODERN_REQUESTS } from '../../mcp/methods.ts'
import type { ModernCall } from '../../mcp/modern/check.ts'
import { OWN_ENVELOPE, withoutEnvelope } from '../../mcp/modern/envelope.ts'
import type { ModernSink } from '../../mcp/modern/exchange.ts'
import {
  isFailure,
  missingCapability,
  type Outcome,
  passOn,
  translate,
} from '../../mcp/modern/outcome.ts'
import { errorText, type Params, rpcRequest } from '../../mcp/rpc.ts'
import type { Caller } from '../../store/families.ts'
import type { PoolChild } from '../pool/child.ts'

/** One HTTP request of a stateless client, and where its answer goes. */
export interface Turn {
  readonly caller: Caller
  readonly call: ModernCall
  readonly sink: ModernSink
  /** The same list as the caller may see it. */
  shown(text: string): string
  /** Whether the caller may read a resource. */
  mayRead(uri: string): boolean
  /** Whether nobody waits any more: the client has left, or its login ended, before its request was taken. */
  hasLeft(): boolean
}

/** What is left of a request that was taken: the client going away cancels it. */
export interface Taken {
  cancel(reason: string): void
}

/** What is left of one that has its answer already. */
export const DONE: Taken = { cancel() {} }

/** The methods whose answer may be a question (2026-07-28 mrtr, "Supported Requests"). */
export const ASKING: ReadonlySet<string> = new Set(['prompts/get', 'resources/read', 'tools/call'])

/** Says a client's request to a child in the words of the child's era. */
export function say(child: PoolChild, { request }: ModernCall, sink: CallSink): OpenCall {
  if (child.about.era === 'modern') {
    const open = child.live.call(request, sink, MODERN_REQUESTS.get(request.method))
    // Nothing may be said any more about what was cancelled (basic/patterns/cancellation).
    return {
      cancel: (reason) => open.forget(reason),
      forget: (reason) => open.forget(reason),
      pause: () => open.pause(),
      resume: () => open.resume(),
    }
  }
  const { id, idText, kind, method } = request
  const params = withoutEnvelope(request.params)
  return child.live.call(params ? { kind, id, idText, method, params } : request, sink)
}

/** Asks a child something that no client asked for; the answer's text, whatever it is. */
export const ask = (
  { about, heard, live }: PoolChild,
  method: string,
  params: Params,
): Promise<string> =>
  new Promise((resolve) => {
    const modern = about.era === 'modern'
    const request = rpcRequest(method, modern ? { ...params, _meta: OWN_ENVELOPE } : params)
    const known = modern ? MODERN_REQUESTS.get(method) : undefined
    live.call(request, { message: heard, end: resolve }, known)
  })

/** What a child's answer to that request is for the client. */
export function outcomeOf(child: PoolChild, call: ModernCall, text: string, ttlMs = 0): Outcome {
  const { era, serverInfo } = child.about
  if (era === 'modern') return passOn(text)
  const { idText, method, params } = call.request
  return translate(text, { method, params, idText, serverInfo, ttlMs })
}

/** The error of a call that came to nothing for a reason of the broker's. */
export const failureText = ({ call }: Turn, reason: string, text: string): string =>
  errorText(call.request.idText, RPC.internalError, text, { reason })

/** What a call came to that may have failed because its client lacks what the child wanted to ask for. */
export function conclusion(
  child: PoolChild,
  call: ModernCall,
  text: string,
  lacked: ReadonlySet<string>,
): Outcome {
  if (lacked.size > 0 && isFailure(text)) return missingCapability(call.request.idText, lacked)
  return outcomeOf(child, call, text)
}
