import { SECOND_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { UNUSED_MS } from '../session/reaping.ts'
import type { Registry } from '../session/registry.ts'

/** How soon what another process wrote is acted on, in ms. */
const OBEY_EVERY_MS = SECOND_MS

/** How often sessions are looked over, unless a shorter setting needs it more often, in ms. */
const REAP_EVERY_MS = 30 * SECOND_MS

export interface ReaperDeps {
  registry: Pick<Registry, 'obey' | 'reap'>
  config: Pick<Config, 'sessionIdleTimeoutMs' | 'sessionMaxAgeMs'>
}

/**
 * The reaper: every second it ends the sessions that the admin line closed or revoked, and every 30 s (or a quarter
 * of the shortest interval it guards) it puts idle children to sleep and ends unused sessions.
 */
export function createReaper({ registry, config }: ReaperDeps) {
  const guarded = [config.sessionIdleTimeoutMs, UNUSED_MS, config.sessionMaxAgeMs]
  const quarters = guarded.filter((ms) => ms > 0).map((ms) => ms / 4)
  const reapEveryMs = Math.min(REAP_EVERY_MS, ...quarters)
  let reapedAt = Number.NEGATIVE_INFINITY
  return {
    name: 'reaper',
    /** How often `runOnce` is to be called, in ms. */
    intervalMs: Math.min(OBEY_EVERY_MS, reapEveryMs),

    /** One round at `now` (epoch ms); a wall clock that was put back does not hold it up. */
    async runOnce(now: number): Promise<void> {
      registry.obey()
      if (now >= reapedAt && now - reapedAt < reapEveryMs) return
      reapedAt = now
      registry.reap(now)
    },
  }
}
