import { gunzipSync, inflateSync } from 'node:zlib'
import { err, ok, type Result } from '../result.ts'
import { dropBody, holdBody, streamBody } from './bodies.ts'
import type { Context, Judged } from './context.ts'
import type { Flight } from './flight.ts'
import { reasonFor } from './forward.ts'
import { responseHeaders } from './headers.ts'
import { MAX_LISTING_BYTES, rewriteListing } from './listings.ts'
import { isRead } from './paths.ts'
import { relayLocation } from './redirects.ts'
import type { Refusal } from './refusals.ts'

/** Most bytes of an error's body that a child gets: Forgejo's own are short, a proxy's page may be anything. */
const MAX_ERROR_BYTES = 64 * 1024
/** Read beyond that, so that a secret across the cut is seen whole; a token of Forgejo's has about 520 characters. */
const MAX_SECRET_BYTES = 8 * 1024
const MAX_UNPACKED_BYTES = 1024 * 1024

/**
 * Turns Forgejo's answer into the child's: headers by allow-list, redirects to the relay or refused, listings
 * rewritten, the account's tokens replaced in errors, everything else streamed as it is. Lands the flight, at once or
 * with the last byte.
 */
export async function answer(
  context: Context,
  flight: Flight,
  judged: Judged,
  response: Response,
): Promise<Result<Response, Refusal>> {
  const { request, target, holder } = judged
  const { bases } = context
  const { status } = response
  context.metrics.relayed.inc({ class: `${Math.floor(status / 100)}xx` })
  const headers = responseHeaders(response.headers, bases)
  const without = async <T>(value: T): Promise<T> => {
    await dropBody(response)
    flight.land()
    return value
  }

  const location = status >= 300 && status < 400 ? response.headers.get('location') : null
  if (location !== null) {
    const ours = relayLocation(location, target.path, bases)
    if (!ours.ok) return without(ours)
    headers.set('location', ours.value)
  }
  if (request.method === 'HEAD') {
    const length = response.headers.get('content-length')
    if (length !== null) headers.set('content-length', length)
    return without(ok(new Response(null, { status, headers })))
  }
  if (!response.body || status === 204 || status === 304)
    return without(ok(new Response(null, { status, headers })))
  if (status >= 400) {
    const secrets = context.vault.secrets(holder.lease.accountId)
    return errorAnswer(flight, response, headers, secrets)
  }
  if (target.kind === 'listing' && status < 300)
    return listingAnswer(flight, response, headers, bases.relay)
  const body = streamBody(flight, response.body, isRead(request.method) ? 'abort' : 'drain')
  return ok(new Response(body, { status, headers }))
}

async function listingAnswer(
  flight: Flight,
  response: Response,
  headers: Headers,
  relay: string,
): Promise<Result<Response, Refusal>> {
  const held = await holdBody(flight, response, MAX_LISTING_BYTES)
  flight.land()
  if (!held) return err(reasonFor(flight))
  if (held.cut)
    return err({ status: 502, message: "Forgejo's list of attachments is longer than 1 MiB" })
  const rewritten = rewriteListing(new TextDecoder().decode(held.bytes), relay)
  if (rewritten === undefined)
    return err({ status: 502, message: "Forgejo's list of attachments is not JSON" })
  return ok(new Response(rewritten, { status: response.status, headers }))
}

async function errorAnswer(
  flight: Flight,
  response: Response,
  headers: Headers,
  secrets: readonly string[],
): Promise<Result<Response, Refusal>> {
  const held = await holdBody(flight, response, MAX_ERROR_BYTES + MAX_SECRET_BYTES)
  flight.land()
  const { status } = response
  const bytes = held && unpack(held.bytes, response.headers.get('content-encoding'))
  if (!bytes) return err({ status, message: `Forgejo answered ${status}` })
  headers.delete('content-encoding')
  const clean = withoutBytes(bytes, secrets)
  const body = held.cut ? clean.subarray(0, MAX_ERROR_BYTES) : clean
  return ok(new Response(body, { status, headers }))
}

function unpack(bytes: Uint8Array, encoding: string | null): Uint8Array | undefined {
  const options = { maxOutputLength: MAX_UNPACKED_BYTES }
  try {
    if (encoding === null || encoding === 'identity') return bytes
    if (encoding === 'gzip') return gunzipSync(bytes, options)
    return encoding === 'deflate' ? inflateSync(bytes, options) : undefined
  } catch {
    return undefined
  }
}

/** Latin-1 maps every byte to one character and back, so that a body in any charset keeps its other bytes. */
function withoutBytes(bytes: Uint8Array, secrets: readonly string[]): Buffer<ArrayBuffer> {
  let text = Buffer.from(bytes).toString('latin1')
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '[redacted]')
  return Buffer.from(text, 'latin1')
}
