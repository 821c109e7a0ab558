import { type Clock, HOUR_MS, MINUTE_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { hashToken } from '../crypto.ts'
import { createOnce } from '../once.ts'
import { err, ok, type Result } from '../result.ts'
import type { Caller } from '../store/families.ts'
import { isBusy, type Store } from '../store/open.ts'
import { ACCESS_TOKEN } from './mint.ts'
import { effectiveScopes, standingProblem } from './standing.ts'

/** How old a family's last use may get before it is written anew: not every request is worth a write. */
const LAST_USE_MS = 5 * MINUTE_MS

/** Callers that are remembered at a time; beyond that the oldest is forgotten. */
const MAX_REMEMBERED = 1024

/** Why a bearer token is no good. */
export type TokenProblem = 'unknown' | 'expired' | 'revoked' | 'not-allowed'

export interface Verifier {
  /** Resolves a bearer token to its caller (RFC 6750 §3.1: every problem is `invalid_token`). */
  verify(token: string): Result<Caller, TokenProblem>
  /** Whether a verified caller need not be verified again yet: it was a moment ago, and nothing was revoked since. */
  holds(caller: Caller): boolean
  /** Asks the store again about every token: something was revoked. */
  forget(): void
}

export interface VerifierDeps {
  store: Store
  clock: Clock
  config: Pick<Config, 'allowedUsers'>
  /**
   * How long a good token is taken as good without asking the store, in ms; 0, the default, asks every time.
   * It is how late a revocation by another process can be.
   */
  rememberMs?: number
}

/** A token that was good a moment ago. Both times in epoch ms. */
interface Remembered {
  readonly verdict: { ok: true; value: Caller }
  readonly from: number
  readonly until: number
}

/** Judges bearer tokens: one query each, and a write only for a token's first use and a stale last use. */
export function createVerifier(deps: VerifierDeps): Verifier {
  const { store, clock, config, rememberMs = 0 } = deps
  const once = createOnce(clock, HOUR_MS)
  /** By the token itself: to hash each one again would take as long as the rest of a check. */
  const remembered = new Map<string, Remembered>()
  let callers = new WeakMap<Caller, Remembered>()

  function judge(token: string, now: number): Result<Caller, TokenProblem> {
    if (!ACCESS_TOKEN.test(token)) return err('unknown')
    const row = store.tokens.findAccess(hashToken(token))
    if (!row) return err('unknown')
    // Even an expired token proves that the answer it came in has arrived: the refresh token before it is spent.
    if (row.presentedAt === null) note(() => store.tokens.markAccess(now, row.tokenHash))
    const problem = standingProblem(row, config.allowedUsers)
    if (problem === 'not-allowed' && once.first(row.familyId)) {
      const { accountId, clientId, familyId } = row
      const reason = 'the operator does not let this user in'
      store.audit.add(now, { event: 'token.refused', accountId, clientId, familyId, reason })
    }
    if (problem) return err(problem)
    if (row.expiresAt <= now) return err('expired')
    if (row.lastUsedAt === null || row.lastUsedAt <= now - LAST_USE_MS)
      note(() => store.families.touch(now, row.familyId))
    const caller: Caller = {
      accountId: row.accountId,
      clientId: row.clientId,
      grantId: row.grantId,
      familyId: row.familyId,
      login: row.login,
      scopes: effectiveScopes(row),
    }
    const verdict = ok(caller)
    if (rememberMs > 0) {
      tidy(now)
      const until = Math.min(now + rememberMs, row.expiresAt)
      const entry = { verdict, from: now, until }
      remembered.delete(token)
      remembered.set(token, entry)
      callers.set(caller, entry)
    }
    return verdict
  }

  /** Drops what counts no longer; the oldest come first. */
  function tidy(now: number): void {
    for (const [token, { until }] of remembered) {
      if (until > now && remembered.size < MAX_REMEMBERED) return
      remembered.delete(token)
    }
  }

  // A clock that was put back would lengthen the time.
  const counts = (known: Remembered | undefined, now: number): known is Remembered =>
    known !== undefined && now >= known.from && now < known.until

  return {
    verify(token) {
      const now = clock.now()
      const known = remembered.get(token)
      return counts(known, now) ? known.verdict : judge(token, now)
    },
    holds: (caller) => counts(callers.get(caller), clock.now()),
    forget() {
      remembered.clear()
      callers = new WeakMap()
    },
  }
}

/** Writes what is nice to know. A store that another process holds is no reason to refuse: the next use writes it. */
function note(write: () => void): void {
  try {
    write()
  } catch (error) {
    if (!isBusy(error)) throw error
  }
}
