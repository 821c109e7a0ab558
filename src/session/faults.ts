import { type Clock, SECOND_MS } from '../clock.ts'
import { type Refusal, refuse } from './refusal.ts'

/** The wait after the first start failure of an account; it doubles with each further one. */
const FIRST_WAIT_MS = SECOND_MS
const LONGEST_WAIT_MS = 30 * SECOND_MS
/** An account whose last failure is older than this starts afresh. */
const FORGET_AFTER_MS = 10 * LONGEST_WAIT_MS

interface Failing {
  failures: number
  until: number
  reason: string
}

/** Keeps an account whose children do not start from trying all the time. */
export interface Faults {
  /** Whether a child of the account may be started now; else how long to wait, and why the last one failed. */
  check(accountId: string): { ok: true } | { ok: false; error: Refusal }
  /** Notes that a child did not start; `reason` is shown to whoever asks meanwhile. */
  startFailed(accountId: string, reason: string): { ok: false; error: Refusal }
  /** Notes that one did. */
  started(accountId: string): void
  /** Drops what is long over. */
  forget(now: number): void
}

/** Start failures per account, in memory: a restart of the broker is a reason to try again. */
export function createFaults(clock: Clock): Faults {
  const failing = new Map<string, Failing>()
  const refusal = (fault: Failing) =>
    refuse('start-failed', fault.reason, Math.max(fault.until - clock.now(), 0))
  return {
    check(accountId) {
      const fault = failing.get(accountId)
      if (!fault || fault.until <= clock.now()) return { ok: true }
      return refusal(fault)
    },
    startFailed(accountId, reason) {
      const before = failing.get(accountId)
      // Several starts that fail together are one failure.
      if (before && before.until > clock.now()) return refusal(before)
      const failures = (before?.failures ?? 0) + 1
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS)
      const fault = { failures, until: clock.now() + wait, reason }
      failing.set(accountId, fault)
      return refusal(fault)
    },
    started: (accountId) => void failing.delete(accountId),
    forget(now) {
      for (const [accountId, fault] of failing)
        if (fault.until + FORGET_AFTER_MS <= now) failing.delete(accountId)
    },
  }
}
