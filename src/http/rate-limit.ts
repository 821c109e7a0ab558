import type { Clock } from '../clock.ts'
import { SECOND_MS } from '../clock.ts'

/** How much one client may ask for. */
export interface Allowance {
  /** Requests at once. */
  burst: number
  /** Requests per second thereafter. */
  perSecond: number
}

/** What each limited route allows per client address; /mcp is never limited. */
export const ALLOWANCES = {
  authorize: { burst: 120, perSecond: 10 },
  token: { burst: 120, perSecond: 10 },
  register: { burst: 60, perSecond: 1 },
} as const satisfies Record<string, Allowance>

/** Clients remembered per route; beyond them the one that was quiet longest starts afresh. */
const MAX_BUCKETS = 10_000

/** Takes one request of `key`: 0 when it may pass, else the seconds until one may. */
export type RateLimit = (key: string) => number

/** A token bucket for each client, in memory. */
export function createRateLimit(clock: Clock, allowance: Allowance): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return (key) => {
    const now = clock.now()
    const known = buckets.get(key)
    const gained = known ? (Math.max(now - known.at, 0) / SECOND_MS) * allowance.perSecond : 0
    const tokens = known ? Math.min(known.tokens + gained, allowance.burst) : allowance.burst
    const passes = tokens >= 1
    buckets.delete(key)
    buckets.set(key, { tokens: passes ? tokens - 1 : tokens, at: now })
    const [quietest] = buckets.keys()
    if (buckets.size > MAX_BUCKETS && quietest !== undefined) buckets.delete(quietest)
    return passes ? 0 : Math.ceil((1 - tokens) / allowance.perSecond)
  }
}
