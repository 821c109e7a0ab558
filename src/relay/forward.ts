import { err, ok, type Result } from '../result.ts'
import type { Flight } from './flight.ts'
import { isRead } from './paths.ts'
import { type Refusal, STOPPING, TOO_SLOW, UNREACHABLE } from './refusals.ts'

/** Bun's fetch, or a stand-in for it. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>

/** Time for Forgejo's headers to arrive on a GET or HEAD, in milliseconds; other methods get the call timeout. */
const READ_HEADERS_MS = 60_000
/** Longest silence within a body, in milliseconds. */
export const SILENCE_MS = 60_000

export interface Upstream {
  method: string
  url: string
  headers: Headers
  body: ArrayBuffer | ReadableStream<Uint8Array> | undefined
}

/**
 * The one place from which a request goes to Forgejo. Redirects are not followed and nothing is decompressed.
 * Bounds the wait for the headers; the caller's flight bounds everything else.
 */
export async function forward(
  fetch: Fetch,
  flight: Flight,
  request: Upstream,
  callTimeoutMs: number,
): Promise<Result<Response, Refusal>> {
  flight.expect(isRead(request.method) ? READ_HEADERS_MS : callTimeoutMs)
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body !== undefined && { body: request.body, duplex: 'half' }),
      signal: flight.signal,
      redirect: 'manual',
      decompress: false,
      // A pooled connection that closes just then fails a POST, which nobody may repeat.
      keepalive: isRead(request.method),
      // Our own limits hold; Bun's would cut a long call after five minutes.
      timeout: false,
    })
    return ok(response)
  } catch {
    return err(reasonFor(flight))
  } finally {
    flight.relax()
  }
}

/** The refusal for a flight that brought nothing home. */
export function reasonFor(flight: Flight): Refusal {
  switch (flight.ended) {
    case 'too-slow':
      return TOO_SLOW
    case 'stopping':
      return STOPPING
    case 'child-gone':
    case undefined:
      return UNREACHABLE
  }
}
