import { MINUTE_MS } from '../clock.ts'
import {
  hashToken,
  randomToken,
  type Sealed,
  type Sealer,
  sameSecret,
  type TokenHash,
} from '../crypto.ts'
import { err, ok, type Result } from '../result.ts'
import { type LoginRow, loginContext } from '../store/logins.ts'
import type { Store } from '../store/open.ts'
import type { Return } from './return.ts'

/** How long a login may take, from here to the return from Forgejo. */
export const LOGIN_TTL_MS = 30 * MINUTE_MS

/** The shape of our browser cookie; any other value is replaced. */
const BROWSER = /^[A-Za-z0-9_-]{43}$/

/** What marks a browser: the value it brought, or a new one. */
export const browserValue = (cookie: string | undefined): string =>
  cookie !== undefined && BROWSER.test(cookie) ? cookie : randomToken()

/** An authorization request that was found good, while its user decides and signs in. */
export interface PendingRequest {
  clientId: string
  /** What the consent page calls the client; `url` when its id is a metadata document's. */
  client: { name: string; url?: string }
  back: Return
  codeChallenge: string
  resource: string
  /** What the client asks for; once the user has decided, what it gets. */
  scopes: string[]
  /** Our own PKCE verifier towards Forgejo; there once the browser was sent on. */
  verifier?: string
}

/** Somebody who signs in to look at their own connections. */
export interface PendingVisit {
  verifier: string
}

/** A pending login that this browser began. */
export interface Pending<T = PendingRequest> {
  row: LoginRow
  request: T
}

/** Why a ticket or state is not taken: nothing waits under it, or it waits for another browser. */
export type PendingProblem =
  | { kind: 'lost'; detail: string }
  | { kind: 'other-browser'; row: LoginRow }

/** Seals a request to the place where it is stored. */
export const sealRequest = (
  sealer: Sealer,
  ticketHash: TokenHash,
  request: PendingRequest | PendingVisit,
): Sealed => sealer.seal(JSON.stringify(request), loginContext(ticketHash))

/** Finds the authorization request that waits under a ticket (or state); see `find`. */
export const findPending = (
  deps: FindDeps,
  asked: Asked,
): Result<Pending<PendingRequest>, PendingProblem> => find(deps, asked, 'client')

/** Finds the visit to the connections page that waits under a state; see `find`. */
export const findVisit = (
  deps: FindDeps,
  asked: Omit<Asked, 'phase'>,
): Result<Pending<PendingVisit>, PendingProblem> =>
  find(deps, { ...asked, phase: 'forgejo' }, 'page')

interface FindDeps {
  store: Store
  sealer: Sealer
}

interface Asked {
  now: number
  ticket: string
  browser: string | undefined
  phase: 'consent' | 'forgejo'
}

/**
 * Finds the login that waits in `phase` under a ticket (or state), for the browser that began it. The browser is
 * judged before anything is used up, so that a stranger who was sent here cannot end somebody's login either.
 */
function find<T>(
  { store, sealer }: FindDeps,
  asked: Asked,
  purpose: LoginRow['purpose'],
): Result<Pending<T>, PendingProblem> {
  const row = store.logins.find(hashToken(asked.ticket))
  if (row?.purpose !== purpose) return err({ kind: 'lost', detail: 'unknown' })
  if (!sameSecret(hashToken(asked.browser ?? ''), row.browserHash))
    return err({ kind: 'other-browser', row })
  if (row.phase !== asked.phase) return err({ kind: 'lost', detail: `in phase ${row.phase}` })
  if (row.expiresAt <= asked.now) return err({ kind: 'lost', detail: 'expired' })
  const text = sealer.open(row.sealedRequest, loginContext(row.ticketHash))
  if (text === undefined) return err({ kind: 'lost', detail: 'sealed with another key' })
  return ok({ row, request: JSON.parse(text) as T })
}
