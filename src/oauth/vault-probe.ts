import { type Clock, SECOND_MS } from '../clock.ts'
import type { UpstreamFailure } from '../forgejo/outcome.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Result } from '../result.ts'
import type { Credential } from './credential.ts'
import { credentialOf } from './vault-rules.ts'
import type { VaultState } from './vault-state.ts'

/** How long after a success a 401 alone brings about no refresh, in milliseconds. */
export const QUIET_MS = 60 * SECOND_MS

/** What to do about a 401 of Forgejo's. */
export interface Probe {
  rejected(accountId: string, token: string): Promise<Credential>
  /** The same when no 401 was seen, only something that sounds like one: userinfo is always asked first. */
  suspected(accountId: string, token: string): Promise<Credential>
}

/**
 * Judges 401s. A token of more than a minute is refreshed. For a younger one userinfo is asked, once for all who
 * wait: it may be the route that refuses, or a wall in front of Forgejo, and refreshing would not help. Only when
 * userinfo refuses the token too is the refresh made that tells why (the user took the grant away, say), and not
 * more often than once a minute, whatever Forgejo's tokens are worth.
 */
export function createProbe(deps: {
  state: VaultState
  upstream: Pick<Upstream, 'userinfo'>
  clock: Clock
  renew(accountId: string, stale: string): Promise<Credential>
  /** Whether a refresh of the account is under way. */
  isBusy(accountId: string): boolean
}): Probe {
  const { state, upstream, clock, renew, isBusy } = deps
  const asking = new Map<string, Promise<Result<unknown, UpstreamFailure>>>()
  /** When userinfo last brought about a refresh that succeeded, epoch ms: the others are spaced out by the vault. */
  const confirmed = new Map<string, number>()

  const ask = (accountId: string, token: string) => {
    const running = asking.get(accountId)
    if (running) return running
    const asked = upstream.userinfo(token).finally(() => asking.delete(accountId))
    asking.set(accountId, asked)
    return asked
  }

  const isRecent = (at: number | undefined) => {
    const age = clock.now() - (at ?? Number.NEGATIVE_INFINITY)
    return age >= 0 && age < QUIET_MS
  }

  const judge = async (accountId: string, token: string, seen: boolean): Promise<Credential> => {
    const held = state.get(accountId)
    const known = credentialOf(held, clock.now())
    if (!held || known.kind !== 'ready') return renew(accountId, token)
    if (known.token !== token) return known
    if (isBusy(accountId) || (seen && !isRecent(held.obtainedAt))) return renew(accountId, token)

    const user = await ask(accountId, token)
    const now = credentialOf(state.get(accountId), clock.now())
    // Another 401 may have brought about a refresh meanwhile: what came of it, or will, is the answer.
    if (now.kind !== 'ready' || now.token !== token) return now
    if (isBusy(accountId)) return renew(accountId, token)
    if (user.ok || user.error.kind === 'account') return now
    const { kind, detail: reason } = user.error
    const again = kind === 'again' && !isRecent(confirmed.get(accountId))
    if (!again) {
      const retryAfterMs = (kind === 'later' && user.error.retryAfterMs) || SECOND_MS
      return { kind: 'later', retryAfterMs, reason, operator: kind === 'operator' }
    }
    const renewed = await renew(accountId, token)
    if (renewed.kind === 'ready') confirmed.set(accountId, clock.now())
    return renewed
  }

  return {
    rejected: (accountId, token) => judge(accountId, token, true),
    suspected: (accountId, token) => judge(accountId, token, false),
  }
}
