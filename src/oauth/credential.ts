/** Why an account must log in to Forgejo again. `revoked` also ends its families and sessions. */
export type DeadReason = 'revoked' | 'superseded' | 'expired' | 'lost' | 'key-changed'

/** What an account's vault can give right now. */
export type Credential =
  /** A token believed to be good until `expiresAt` (epoch ms). A higher generation is a newer token. */
  | { kind: 'ready'; token: string; generation: number; expiresAt: number }
  /** No token until somebody logs in as this account again. */
  | { kind: 'dead'; reason: DeadReason }
  /** No token now: Forgejo cannot be asked, or the operator must mend something. Tokens are kept. */
  | { kind: 'later'; retryAfterMs: number; reason: string; operator: boolean }

/** A login at Forgejo that came through. */
export interface LoggedIn {
  accountId: string
  sub: string
  login: string
  /** Scopes of the request that Forgejo did not grant (it keeps an older grant's scope); empty when all is well. */
  missingScopes: readonly string[]
}

/** Why a login at Forgejo came to nothing, by who can mend it. `reason` is for the log and the audit. */
export type LoginFailure =
  | { kind: 'again'; reason: string }
  | { kind: 'operator'; reason: string }
  | { kind: 'later'; reason: string }
  /** Forgejo knows the user but shows a page instead of answering: suspended, or the password must be changed. */
  | { kind: 'account'; reason: string }
  /** The login came through, but the operator's list does not name this user: nothing is kept. */
  | { kind: 'not-allowed'; login: string; reason: string }
