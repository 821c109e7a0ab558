import type { Clock } from './clock.ts'

/** Most keys that are remembered; the one that was noted first is forgotten first. */
const MAX_KEYS = 10_000

/** Whether something is said for the first time in a while, so that what repeats itself is written down once. */
export interface Once {
  /** True when `key` has not been asked about within the window. */
  first(key: string): boolean
}

/** Remembers keys for `windowMs` milliseconds from their first time, in memory. */
export function createOnce(clock: Clock, windowMs: number): Once {
  const seen = new Map<string, number>()
  return {
    first(key) {
      const now = clock.now()
      const at = seen.get(key)
      if (at !== undefined && now >= at && now - at < windowMs) return false
      seen.delete(key)
      seen.set(key, now)
      const [oldest] = seen.keys()
      if (seen.size > MAX_KEYS && oldest !== undefined) seen.delete(oldest)
      return true
    },
  }
}
