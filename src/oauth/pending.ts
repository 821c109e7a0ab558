import { hashToken, type Sealed, type Sealer, sameSecret, type TokenHash } from '../crypto.ts'
import { err, ok, type Result } from '../result.ts'
import { type LoginRow, loginContext } from '../store/logins.ts'
import type { Store } from '../store/open.ts'
import type { Return } from './return.ts'

/** An authorization request that was found good, while its user decides and signs in. */
export interface PendingRequest {
  clientId: string
  back: Return
  codeChallenge: string
  resource: string
  scopes: string[]
  /** Our own PKCE verifier towards Forgejo; there once the browser was sent on. */
  verifier?: string
}

/** A pending login that this browser began. */
export interface Pending {
  row: LoginRow
  request: PendingRequest
}

/** Why a ticket or state is not taken: nothing waits under it, or it waits for another browser. */
export type PendingProblem =
  | { kind: 'lost'; detail: string }
  | { kind: 'other-browser'; row: LoginRow }

/** Seals a request to the place where it is stored. */
export const sealRequest = (
  sealer: Sealer,
  ticketHash: TokenHash,
  request: PendingRequest,
): Sealed => sealer.seal(JSON.stringify(request), loginContext(ticketHash))

/**
 * Finds the login that waits in `phase` under a ticket (or state), for the browser that began it. The browser is
 * judged before anything is used up, so that a stranger who was sent here cannot end somebody's login either.
 */
export function findPending(
  { store, sealer }: { store: Store; sealer: Sealer },
  asked: {
    now: number
    ticket: string
    browser: string | undefined
    phase: 'consent' | 'forgejo'
  },
): Result<Pending, PendingProblem> {
  const row = store.logins.find(hashToken(asked.ticket))
  if (row?.purpose !== 'client') return err({ kind: 'lost', detail: 'unknown' })
  if (!sameSecret(hashToken(asked.browser ?? ''), row.browserHash))
    return err({ kind: 'other-browser', row })
  if (row.phase !== asked.phase) return err({ kind: 'lost', detail: `in phase ${row.phase}` })
  if (row.expiresAt <= asked.now) return err({ kind: 'lost', detail: 'expired' })
  const text = sealer.open(row.sealedRequest, loginContext(row.ticketHash))
  if (text === undefined) return err({ kind: 'lost', detail: 'sealed with another key' })
  return ok({ row, request: JSON.parse(text) as PendingRequest })
}
