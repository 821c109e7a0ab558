import { type Cancel, type Clock, SECOND_MS } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/open.ts'
import type { SessionUse } from '../store/sessions.ts'

/** How long the use of sessions may go unwritten: what a killed broker forgets. */
const WRITE_EVERY_MS = 5 * SECOND_MS

/** Gathers the use of sessions and writes it in one go, because a write for each call would cost more than the call. */
export interface Usage {
  /** Notes that a session was used; how it stands by then is written within some seconds. */
  note(hash: TokenHash, use: () => SessionUse): void
  /** Writes what is noted now. */
  flush(): void
  /** Writes what is noted and sets no further timer. */
  close(): void
}

/** A Usage over the sessions table. A write that fails (a foreign writer holds the store) is tried again later. */
export function createUsage(deps: { store: Store; clock: Clock; log: Log }): Usage {
  const { store, clock, log } = deps
  const noted = new Map<TokenHash, () => SessionUse>()
  let timer: Cancel | undefined
  let closed = false

  const write = () => {
    timer?.()
    timer = undefined
    if (noted.size === 0) return
    store.transaction(() => {
      for (const [hash, use] of noted) store.sessions.used(hash, use())
    })
    noted.clear()
  }

  const schedule = () => {
    if (timer || closed) return
    timer = clock.after(WRITE_EVERY_MS, () => {
      try {
        write()
      } catch (error) {
        log.warn('use of sessions could not be written', { error })
        schedule()
      }
    })
  }

  return {
    note(hash, use) {
      if (!noted.has(hash)) noted.set(hash, use)
      schedule()
    },
    flush: write,
    close() {
      closed = true
      try {
        write()
      } catch (error) {
        log.warn('use of sessions could not be written', { error })
      }
    },
  }
}
