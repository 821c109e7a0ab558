import { DAY_MS, MINUTE_MS, SECOND_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/open.ts'
import type { Book } from './book.ts'
import type { Faults } from './faults.ts'
import type { Launcher } from './launch.ts'
import type { LiveSession } from './session.ts'
import type { Usage } from './usage.ts'

/**
 * A session that was never used after `initialize` keeps its child only so long: some clients open one per call.
 * With the reaper's pace, a quarter of this, it sleeps within a minute.
 */
export const UNUSED_MS = 45 * SECOND_MS

/** A sleeping session stays in memory so long after somebody last asked for it, or as long as its child may idle. */
const KEPT_IN_MEMORY_MS = 10 * MINUTE_MS

/** The row of an ended session is kept so long, for `fjmcp-broker sessions`. */
const ENDED_KEPT_MS = DAY_MS

/** Sessions ended for disuse in one go. */
const MAX_ENDED_AT_ONCE = 500

export interface ReapDeps {
  book: Book
  launcher: Pick<Launcher, 'alive' | 'standbys'>
  faults: Faults
  usage: Usage
  store: Store
  metrics: Metrics
  config: Pick<Config, 'sessionIdleTimeoutMs' | 'sessionMaxAgeMs'>
}

/** One round over all sessions at `now` (epoch ms): idle → asleep, hung or outdated → replaced, unused → ended. */
export function reap(now: number, deps: ReapDeps): void {
  const { book, config, faults, launcher, metrics, store, usage } = deps
  usage.flush()
  if (config.sessionMaxAgeMs > 0) {
    const unused = store.sessions.disused(now - config.sessionMaxAgeMs + 1, MAX_ENDED_AT_ONCE)
    for (const hash of unused) book.end(hash, 'disuse', 'not used for too long')
  }
  store.sessions.forget(now - ENDED_KEPT_MS)
  faults.forget(now)
  launcher.standbys.reap(now)
  // The end of a child goes unwritten when a foreign writer holds the store.
  const pids = new Set([...launcher.alive].map(({ pid }) => pid))
  for (const { pid } of store.children.list()) if (!pids.has(pid)) store.children.remove(pid)

  const keptMs = Math.min(KEPT_IN_MEMORY_MS, config.sessionIdleTimeoutMs)
  let awake = 0
  for (const session of [...book.living()]) {
    tend(session, now, config.sessionIdleTimeoutMs)
    const needed = session.tidy()
    if (session.awake) awake++
    if (!needed && now - session.foundAt >= keptMs) book.drop(session.hash)
  }
  metrics.sessions.set({ state: 'awake' }, awake)
  metrics.sessions.set({ state: 'asleep' }, store.sessions.count() - awake)
}

function tend(session: LiveSession, now: number, idleTimeoutMs: number): void {
  const limit = session.row.calls === 0 ? Math.min(UNUSED_MS, idleTimeoutMs) : idleTimeoutMs
  for (const seat of session.seats) {
    const { idleSince } = seat
    if (idleSince !== undefined && now - idleSince >= limit) void seat.sleep()
    else seat.mend()
  }
}
