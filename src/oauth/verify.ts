import { type Clock, MINUTE_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { hashToken } from '../crypto.ts'
import { err, ok, type Result } from '../result.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'
import { ACCESS_TOKEN } from './mint.ts'
import { effectiveScopes, standingProblem } from './standing.ts'

/** How old a family's last use may get before it is written anew: not every request is worth a write. */
const LAST_USE_MS = 5 * MINUTE_MS

/** Why a bearer token is no good. */
export type TokenProblem = 'unknown' | 'expired' | 'revoked' | 'not-allowed'

export interface Verifier {
  /** Resolves a bearer token to its caller (RFC 6750 §3.1: every problem is `invalid_token`). */
  verify(token: string): Result<Caller, TokenProblem>
}

/** Judges bearer tokens: one query each, and a write only for a token's first use and a stale last use. */
export function createVerifier(deps: {
  store: Store
  clock: Clock
  config: Pick<Config, 'allowedUsers'>
}): Verifier {
  const { store, clock, config } = deps
  return {
    verify(token) {
      if (!ACCESS_TOKEN.test(token)) return err('unknown')
      const row = store.tokens.findAccess(hashToken(token))
      if (!row) return err('unknown')
      const now = clock.now()
      // Even an expired token proves that the answer it came in has arrived: the refresh token before it is spent.
      if (row.presentedAt === null) store.tokens.markAccess(now, row.tokenHash)
      const problem = standingProblem(row, config.allowedUsers)
      if (problem) return err(problem)
      if (row.expiresAt <= now) return err('expired')
      if (row.lastUsedAt === null || row.lastUsedAt <= now - LAST_USE_MS)
        store.families.touch(now, row.familyId)
      return ok({
        accountId: row.accountId,
        clientId: row.clientId,
        grantId: row.grantId,
        familyId: row.familyId,
        login: row.login,
        scopes: effectiveScopes(row),
      })
    },
  }
}
