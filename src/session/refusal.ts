/** Why a request on a session could not be handed to a child. The session itself goes on, unless `not-found`. */
export interface Refusal {
  kind: /** No room for another child, and none idle to put to sleep. */
    | 'full'
    /** The child could not be started. */
    | 'start-failed'
    /** Forgejo cannot be asked now, or the broker is stopping. */
    | 'later'
    /** The account must log in again. */
    | 'login'
    /** The operator must mend something. */
    | 'operator'
    /** Unknown, ended, expired or somebody else's: nobody learns which. */
    | 'not-found'
  /** For the log and for the caller: words, never a secret. */
  reason: string
  /** At most MAX_RETRY_MS. */
  retryAfterMs?: number
}

/** The longest a client is told to wait. */
export const MAX_RETRY_MS = 60_000

/** A refusal that invites another try in `retryAfterMs`, bounded by MAX_RETRY_MS. */
export const refuse = (
  kind: Refusal['kind'],
  reason: string,
  retryAfterMs?: number,
): { ok: false; error: Refusal } => ({
  ok: false,
  error: {
    kind,
    reason,
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.min(retryAfterMs, MAX_RETRY_MS) }),
  },
})

/** The one answer for every session that is not the caller's own living one. */
export const notFound = (): { ok: false; error: Refusal } =>
  refuse('not-found', 'session not found')

/** What a client is told to wait while the broker stops, in ms: its successor is up in a moment. */
const STOPPING_RETRY_MS = 1_000

/** The answer of a broker that starts nothing any more. */
export const stopping = (): { ok: false; error: Refusal } =>
  refuse('later', 'the broker is stopping', STOPPING_RETRY_MS)
