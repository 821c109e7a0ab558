/** An answer the relay gives instead of Forgejo's. */
export interface Refusal {
  status: number
  /** Public text: ends up in a tool's error, so it never holds a secret. */
  message: string
  /** Milliseconds after which another try makes sense. */
  retryAfterMs?: number
}

/** The longest a child is told to wait. */
export const MAX_RETRY_MS = 60_000

/** The fixed answer to whatever 401 Forgejo gave: its own body may hold the token (Forgejo 16 does). */
export const LOGIN_AGAIN: Refusal = {
  status: 401,
  message:
    'Forgejo no longer accepts the sign-in of this account: connect this server again in the client and sign in to Forgejo',
}

/** The credential cannot be had now, or not be renewed; the account itself is in order. */
export const credentialLater = (retryAfterMs: number): Refusal => ({
  status: 503,
  message: 'the credential for Forgejo cannot be renewed right now, try again later',
  retryAfterMs,
})

export const UNREACHABLE: Refusal = {
  status: 503,
  message: 'Forgejo cannot be reached, try again later',
  retryAfterMs: 5_000,
}

export const TOO_SLOW: Refusal = { status: 504, message: 'Forgejo did not answer in time' }

export const BUSY: Refusal = {
  status: 503,
  message: 'too many requests to Forgejo at once, try again later',
  retryAfterMs: 1_000,
}

export const STOPPING: Refusal = { status: 503, message: 'the broker is stopping' }

export const NOT_FOUND: Refusal = { status: 404, message: 'Not found' }

export const NO_PROXY_HERE: Refusal = {
  status: 403,
  message: 'this is no proxy: only the configured Forgejo can be reached from here',
}

/** Forgejo's wording for a token that lacks a scope (forgejo.md A9); any one of `needed` would have done. */
export const scopeRefusal = (needed: readonly string[]): Refusal => ({
  status: 403,
  message: `token does not have at least one of required scope(s): [${needed.join(' ')}]`,
})

/** Renders a refusal the way Forgejo's API does: `message`, and the `url` of its documentation. */
export function renderRefusal(refusal: Refusal, forgejoUrl: string): Response {
  const headers = new Headers({ 'content-type': 'application/json;charset=utf-8' })
  if (refusal.retryAfterMs !== undefined) {
    const wait = Math.min(Math.max(refusal.retryAfterMs, 1_000), MAX_RETRY_MS)
    headers.set('retry-after', String(Math.ceil(wait / 1_000)))
  }
  const body = { message: refusal.message, url: `${forgejoUrl}/api/swagger` }
  return new Response(JSON.stringify(body), { status: refusal.status, headers })
}
