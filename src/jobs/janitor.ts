import { DAY_MS, HOUR_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { USED_CODE_MS } from '../oauth/mint.ts'
import type { Store } from '../store/open.ts'

/** Rows deleted by one statement: SQLite blocks the loop meanwhile. */
const BATCH_ROWS = 500

/** Statements per table and run; what is left waits for the next run. */
const MAX_BATCHES = 20

/** How long a login keeps a token pair that never found its account: the vault tries again at each start. */
const STRANDED_PAIR_MS = 7 * DAY_MS

/** The least age at which a family without tokens is taken for over. */
const EMPTY_FAMILY_MS = HOUR_MS

/** How long events are kept, and how many at most, so that a flood of them cannot fill the disk. */
const AUDIT_MS = 90 * DAY_MS
const AUDIT_ROWS = 1_000_000

/** How many rows of each kind went. */
export interface Swept {
  logins: number
  codes: number
  accessTokens: number
  refreshTokens: number
  families: number
  pages: number
  audit: number
  /** Events that were not old yet but too many. */
  auditBeyond: number
}

/** Deletes rows that nothing can need any more; `runOnce` takes the time as an argument and is safe to repeat. */
export function createJanitor(deps: {
  store: Store
  log: Log
  config: Pick<Config, 'refreshTokenTtlMs'>
}) {
  const { store, log, config } = deps
  return {
    /** Sweeps once at `now` (epoch ms), in bounded batches; returns what went. */
    runOnce(now: number): Swept {
      const swept: Swept = {
        logins: inBatches((limit) => store.logins.forget(now, now - STRANDED_PAIR_MS, limit)),
        codes: inBatches((limit) => store.tokens.forgetCodes(now, now - USED_CODE_MS, limit)),
        // Whether a successor was ever presented must be known for as long as its predecessor may come again.
        accessTokens: inBatches((limit) =>
          store.tokens.forgetAccess(now - config.refreshTokenTtlMs, limit),
        ),
        refreshTokens: inBatches((limit) => store.tokens.forgetRefresh(now, limit)),
        families: inBatches((limit) => store.families.forget(now, now - EMPTY_FAMILY_MS, limit)),
        pages: inBatches((limit) => store.pages.forget(now, limit)),
        audit: inBatches((limit) => store.audit.forget(now - AUDIT_MS, limit)),
        auditBeyond: inBatches((limit) => store.audit.forgetBeyond(AUDIT_ROWS, limit)),
      }
      if (Object.values(swept).some((count) => count > 0))
        log.debug('expired rows deleted', { ...swept })
      return swept
    },
  }
}

function inBatches(forget: (limit: number) => number): number {
  let total = 0
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const gone = forget(BATCH_ROWS)
    total += gone
    if (gone < BATCH_ROWS) break
  }
  return total
}
