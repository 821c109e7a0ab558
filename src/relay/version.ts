import { SECOND_MS } from '../clock.ts'
import { err, ok, type Result } from '../result.ts'
import { holdBody } from './bodies.ts'
import type { Context } from './context.ts'
import type { Flight } from './flight.ts'
import { forward, reasonFor } from './forward.ts'
import { withToken } from './heal.ts'
import { BUSY, type Refusal, UNREACHABLE } from './refusals.ts'

/** Most bytes of an answer to `/api/v1/version`. */
export const MAX_VERSION_BYTES = 4 * 1024
/** How long a version is believed without asking again, in milliseconds. */
const FRESH_MS = 30 * SECOND_MS
/** Longest wait for Forgejo to say its version, in milliseconds. */
const MAX_WAIT_MS = 10 * SECOND_MS

/** Where the last good answer to `/api/v1/version` is kept across restarts. */
export interface VersionFact {
  get(): string | undefined
  set(body: string): void
}

export interface Version {
  /** The last good answer, however old. */
  known(): string | undefined
  /** The last good answer, asking Forgejo in the background when it is old, or first when there is none. */
  get(accountId: string): Promise<Result<string, Refusal>>
}

/** `/api/v1/version` as last answered well; an error never takes the place of a version. */
export function createVersion(context: Context, fact: VersionFact): Version {
  let known = fact.get()
  let askedAt: number | undefined

  const learn = async (accountId: string): Promise<Result<string, Refusal>> => {
    const leave = await context.limits.enter(accountId)
    if (!leave) return err(BUSY)
    const flight = context.flights.openOwn(MAX_WAIT_MS, leave)
    try {
      const body = await readVersion(context, flight, accountId)
      if (!body.ok) return body
      if (body.value !== known) fact.set(body.value)
      known = body.value
      return body
    } finally {
      flight.land()
    }
  }

  return {
    known: () => known,
    async get(accountId) {
      if (known === undefined) return learn(accountId)
      const now = context.clock.now()
      const stale = askedAt === undefined || now - askedAt >= FRESH_MS
      if (stale && context.vault.peek(accountId).kind === 'ready') {
        askedAt = now
        // A failure leaves the known version as it is; the next request of a child tells what is wrong.
        learn(accountId).catch(() => {})
      }
      return ok(known)
    },
  }
}

async function readVersion(
  context: Context,
  flight: Flight,
  accountId: string,
): Promise<Result<string, Refusal>> {
  const accepted = await withToken(context.vault, accountId, (token) =>
    askVersion(context, flight, token),
  )
  if (!accepted.ok) return accepted
  const { response } = accepted.value
  const held = await holdBody(flight, response, MAX_VERSION_BYTES)
  if (!held) return err(reasonFor(flight))
  const text = new TextDecoder().decode(held.bytes)
  if (response.status === 200) return isVersion(text) ? ok(text) : err(UNREACHABLE)
  if (response.status >= 500 || response.status < 400) return err(UNREACHABLE)
  return err({
    status: response.status,
    message: `Forgejo answered ${response.status} when asked for its version`,
  })
}

/** Asks Forgejo for its version with the given token: the cheapest request that judges the token (forgejo.md A9). */
export function askVersion(
  context: Context,
  flight: Flight,
  token: string,
): Promise<Result<Response, Refusal>> {
  const headers = new Headers({
    accept: 'application/json',
    'accept-encoding': 'identity',
    authorization: `token ${token}`,
    'user-agent': 'fjmcp-broker',
  })
  const url = context.bases.upstream('/api/v1/version')
  const request = { method: 'GET', url, headers, body: undefined }
  return forward(context.fetch, flight, request, context.config.callTimeoutMs)
}

function isVersion(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return (
      typeof value === 'object' &&
      value !== null &&
      'version' in value &&
      typeof value.version === 'string'
    )
  } catch {
    return false
  }
}
