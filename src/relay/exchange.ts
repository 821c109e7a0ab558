import { err, ok, type Result } from '../result.ts'
import { answer } from './answer.ts'
import { dropBody, holdBody } from './bodies.ts'
import type { Context, Judged } from './context.ts'
import type { Flight } from './flight.ts'
import { forward, reasonFor } from './forward.ts'
import { requestHeaders } from './headers.ts'
import { tokenAfter, withToken } from './heal.ts'
import { isRead } from './paths.ts'
import { BUSY, credentialLater, type Refusal, UNREACHABLE } from './refusals.ts'
import { askVersion, MAX_VERSION_BYTES } from './version.ts'

/** A body of at most this many bytes is held, so that it can be sent again after a 401. */
export const MAX_HELD_BYTES = 1024 * 1024

type Body =
  | { kind: 'held'; bytes: ArrayBuffer | undefined }
  | { kind: 'streamed'; stream: ReadableStream<Uint8Array> }

/** Takes a judged request to Forgejo with the account's token, and its answer back in the form a child gets it. */
export async function exchange(
  context: Context,
  judged: Judged,
): Promise<Result<Response, Refusal>> {
  const { request, holder } = judged
  const leave = await context.limits.enter(holder.lease.accountId)
  if (!leave) return err(BUSY)
  const read = isRead(request.method)
  const flight = context.flights.open(request, holder, read, context.config.callTimeoutMs, leave)
  try {
    const response = await ask(context, flight, judged)
    if (response.ok) return await answer(context, flight, judged, response.value)
    flight.land()
    return response
  } catch (error) {
    flight.land()
    throw error
  }
}

async function ask(
  context: Context,
  flight: Flight,
  judged: Judged,
): Promise<Result<Response, Refusal>> {
  const body = await takeBody(flight, judged.request)
  if (!body.ok) return body
  if (body.value.kind === 'streamed') return askOnce(context, flight, judged, body.value.stream)
  const { bytes } = body.value
  const accepted = await withToken(context.vault, judged.holder.lease.accountId, (token) =>
    send(context, flight, judged, token, bytes),
  )
  return accepted.ok ? ok(accepted.value.response) : accepted
}

/** A body that cannot be sent twice goes out only with a token that Forgejo has just accepted. */
async function askOnce(
  context: Context,
  flight: Flight,
  judged: Judged,
  stream: ReadableStream<Uint8Array>,
): Promise<Result<Response, Refusal>> {
  const { accountId } = judged.holder.lease
  const probed = await withToken(context.vault, accountId, (token) =>
    askVersion(context, flight, token),
  )
  if (!probed.ok) return probed
  if (probed.value.response.status !== 200) return ok(probed.value.response)
  await holdBody(flight, probed.value.response, MAX_VERSION_BYTES)
  const sent = await send(context, flight, judged, probed.value.token, stream)
  if (!sent.ok || sent.value.status !== 401) return sent
  await dropBody(sent.value)
  const next = await tokenAfter(context.vault, accountId, probed.value.token)
  return err(next.ok ? credentialLater(1_000) : next.error)
}

async function send(
  context: Context,
  flight: Flight,
  { request, holder, target }: Judged,
  token: string,
  body: ArrayBuffer | ReadableStream<Uint8Array> | undefined,
): Promise<Result<Response, Refusal>> {
  // Nobody waits for it any more, and nothing has been done yet.
  if (request.signal.aborted || holder.dead) return err(UNREACHABLE)
  return forward(
    context.fetch,
    flight,
    {
      method: request.method,
      url: context.bases.upstream(target.path),
      headers: requestHeaders(request.headers, token, target.kind === 'listing'),
      body,
    },
    context.config.callTimeoutMs,
  )
}

/** A short body as bytes, within the flight's time; a long one, or one of unknown length, as the stream it is. */
async function takeBody(flight: Flight, request: Request): Promise<Result<Body, Refusal>> {
  if (isRead(request.method) || request.body === null) return ok({ kind: 'held', bytes: undefined })
  const length = request.headers.get('content-length')
  if (length === null || !(Number(length) <= MAX_HELD_BYTES))
    return ok({ kind: 'streamed', stream: request.body })
  const tooSlow = new Promise<undefined>((resolve) => {
    flight.signal.addEventListener('abort', () => resolve(undefined))
  })
  try {
    const bytes = await Promise.race([request.arrayBuffer(), tooSlow])
    return bytes ? ok({ kind: 'held', bytes }) : err(reasonFor(flight))
  } catch {
    return err(UNREACHABLE)
  }
}
