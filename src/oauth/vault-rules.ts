import { DAY_MS, SECOND_MS } from '../clock.ts'
import type { TokenPair } from '../forgejo/outcome.ts'
import type { VaultRow } from '../store/vaults.ts'
import type { Credential, DeadReason } from './credential.ts'

/** What a vault holds, opened. Times are epoch ms. */
export interface Held {
  generation: number
  gnt: string | null
  cnt: number | null
  obtainedAt: number
  accessExpiresAt: number
  /** The attempt that has no outcome yet. */
  attemptAt: number | null
  /** How often this generation's refresh was repeated without knowing what became of the try before. */
  attempts: number
  /** Tries in a row that brought nothing. */
  failures: number
  retryAt: number | null
  lastFailure: string | null
  content: { kind: 'pair'; accessToken: string; refreshToken: string } | Dead
}

interface Dead {
  kind: 'dead'
  reason: DeadReason
}

/** Where a pair comes from: a login just now, a login that was interrupted, or a refresh of the given generation. */
export type Origin = 'login' | 'stranded' | { refreshOf: number }

/**
 * Whether a pair takes the place of what the vault holds or last held. Of two pairs of one Forgejo grant the higher
 * counter is the newer, whichever arrives first. Where the counter cannot tell (another grant, tokens without
 * claims, a Forgejo that does not count): a login that came through just now wins; one that was interrupted wins if
 * its pair was received later; a refresh counts only for the generation it was sent with, so that a late one never
 * undoes a login. A grant that the user took away gets nothing from a refresh. A dead vault takes any login: a Forgejo
 * that was restored from a backup counts from behind again.
 */
export function replaces(
  held: Pick<Held, 'generation' | 'gnt' | 'cnt' | 'obtainedAt' | 'content'> | undefined,
  next: TokenPair,
  origin: Origin,
): boolean {
  if (!held) return true
  const isRefresh = typeof origin === 'object'
  const dead = held.content.kind === 'dead' ? held.content.reason : undefined
  if (dead === 'revoked' && isRefresh) return false
  if (dead !== undefined && origin === 'login') return true
  const sameGrant = held.gnt !== null && held.gnt === next.gnt
  if (sameGrant && held.cnt !== null && next.cnt !== undefined && held.cnt !== next.cnt)
    return next.cnt > held.cnt
  if (isRefresh) return origin.refreshOf === held.generation
  return origin === 'login' || next.receivedAt > held.obtainedAt
}

/** How long before Forgejo's own time an access token is taken for ended, at most, in milliseconds. */
const MAX_LEEWAY_MS = 10 * SECOND_MS

/** When the tokens of a pair end, epoch ms: counted from receipt, so that Forgejo's clock does not matter. */
export function endsOf(pair: TokenPair): { accessExpiresAt: number; refreshExpiresAt: number } {
  const leeway = Math.min(MAX_LEEWAY_MS, Math.floor(pair.lifetimeMs / 5))
  return {
    accessExpiresAt: pair.receivedAt + pair.lifetimeMs - leeway,
    refreshExpiresAt: pair.receivedAt + pair.refreshLifetimeMs,
  }
}

const FIRST_BACKOFF_MS = 2 * SECOND_MS
/** The longest pause between two tries, in milliseconds; also the longest that a stored time is believed. */
export const MAX_BACKOFF_MS = 60 * SECOND_MS

/**
 * The pause after the given number of failures in a row, in milliseconds: doubling, with up to half of it taken
 * off by `fraction` in [0, 1), and never shorter than Forgejo asked for.
 */
export function backoffMs(failures: number, fraction: number, retryAfterMs = 0): number {
  const full = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10), MAX_BACKOFF_MS)
  return Math.min(Math.max(Math.round(full * (1 - fraction / 2)), retryAfterMs), MAX_BACKOFF_MS)
}

/** Milliseconds until the next try may be made; 0 when it may now. A clock that was set back does not lengthen it. */
export function waitLeft(held: Pick<Held, 'retryAt'>, now: number): number {
  const left = (held.retryAt ?? now) - now
  return left > 0 && left <= MAX_BACKOFF_MS ? left : 0
}

/** How a failure that the operator must mend begins in `lastFailure`. */
export const OPERATOR_MARK = 'operator: '

/** Why the account must log in again; undefined while it need not. */
export function deadReasonOf(held: Held | undefined): DeadReason | undefined {
  if (!held) return 'lost'
  return held.content.kind === 'dead' ? held.content.reason : undefined
}

/** What a vault gives at `now`. An ended token is `later` with `retryAfterMs` 0 when a renewal may be tried at once. */
export function credentialOf(held: Held | undefined, now: number): Credential {
  if (!held) return { kind: 'dead', reason: 'lost' }
  const { content, generation, accessExpiresAt } = held
  if (content.kind === 'dead') return { kind: 'dead', reason: content.reason }
  if (now < accessExpiresAt)
    return { kind: 'ready', token: content.accessToken, generation, expiresAt: accessExpiresAt }
  return laterOf(held, now)
}

/** The answer for a token that cannot be renewed at `now`. */
export function laterOf(held: Held, now: number): Extract<Credential, { kind: 'later' }> {
  return {
    kind: 'later',
    retryAfterMs: waitLeft(held, now),
    reason: held.lastFailure ?? 'the token has ended and is not renewed yet',
    operator: held.lastFailure?.startsWith(OPERATOR_MARK) ?? false,
  }
}

/** A refresh token with less than this left is used, so that it is not lost to disuse, in milliseconds. */
const IDLE_LEAD_MS = 7 * DAY_MS

/**
 * Whether a vault is to be renewed at `now`: while its account has children, when its access token is about to end;
 * else when its refresh token is. Neither lead is ever more than half the token's life: else short-lived tokens
 * would be renewed all the time.
 */
export function isDue(row: VaultRow, now: number, active: boolean, refreshLeadMs: number): boolean {
  if (waitLeft(row, now) > 0) return false
  const within = (endsAt: number, lead: number) =>
    endsAt - now <= Math.min(lead, (endsAt - row.obtainedAt) / 2)
  return (
    (active && within(row.accessExpiresAt, refreshLeadMs)) ||
    within(row.refreshExpiresAt, IDLE_LEAD_MS)
  )
}
