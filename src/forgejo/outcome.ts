import { redact, withoutSecrets } from '../log.ts'

/** What Forgejo's token endpoint gives, read once. Durations are milliseconds. */
export interface TokenPair {
  accessToken: string
  refreshToken: string
  /** How long the access token lives from receipt on; never nothing, never more than a year. */
  lifetimeMs: number
  /** How long the refresh token lives from receipt on. */
  refreshLifetimeMs: number
  /** Epoch ms of our clock when the answer came. */
  receivedAt: number
  /** Forgejo's grant id, where the refresh token tells it. */
  gnt?: string
  /** The grant's counter in the refresh token: of two pairs of one grant, the higher is the newer. */
  cnt?: number
}

/**
 * Why a credential or a code is no good: `revoked` the user took the grant away, `superseded` a later token of the
 * same grant exists, `expired` Forgejo cannot read the refresh token (any more), `code` the authorization code is
 * spent or was not meant for us, `rejected` the access token is not accepted.
 */
export type AgainReason = 'revoked' | 'superseded' | 'expired' | 'code' | 'rejected'

/** Why Forgejo gave no answer that can be used, by who can mend it. `detail` is for the log and never holds a secret. */
export type UpstreamFailure =
  /** The user must log in again. */
  | { kind: 'again'; reason: AgainReason; detail: string }
  /** The operator must mend the application's registration or the configuration. */
  | { kind: 'operator'; detail: string }
  /**
   * Another try may go well. `outcome` tells what became of a token request: `pending` it may still be answered,
   * `lost` Forgejo may have acted on it but its answer will not come; without it nothing happened.
   */
  | { kind: 'later'; detail: string; retryAfterMs?: number; outcome?: 'pending' | 'lost' }
  /** Forgejo shows this user a page instead of answering: suspended, not activated, or a new password is due. */
  | { kind: 'account'; detail: string }

/** The most of Forgejo's own words that is kept, in characters. */
const MAX_DETAIL_LENGTH = 200

/** Forgejo's words fit for a log: bounded, on one line, and without anything that is or looks like a token. */
export function cleanDetail(text: string, secrets: Iterable<string> = []): string {
  // Cut last: a secret that the cut had split would no longer be found.
  return redact(withoutSecrets(text, secrets)).replace(/\s+/g, ' ').slice(0, MAX_DETAIL_LENGTH)
}

/** Why a request did not get through, from the error of fetch; `outcome: 'lost'` when it may have reached Forgejo. */
export function readNetworkError(error: unknown): UpstreamFailure {
  const code = codeOf(error)
  const detail = `Forgejo cannot be reached (${code})`
  return NEVER_SENT.test(code)
    ? { kind: 'later', detail }
    : { kind: 'later', detail, outcome: 'lost' }
}

/** Failures of connecting, resolving and of TLS: nothing of the request was sent. */
const NEVER_SENT =
  /^(ECONNREFUSED|ConnectionRefused|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|FailedToOpenSocket|\w*CERT\w*|\w*TLS\w*|\w*SSL\w*|UNABLE_TO_\w+)$/

/** The code of an error or of its cause; its name when there is none. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return cleanDetail(at.code)
    if (at.cause === undefined) return at.name
  }
  return 'unknown error'
}
