import { type Clock, MINUTE_MS, SECOND_MS } from '../clock.ts'
import { type Refusal, refuse } from './refusal.ts'

/** The wait after the first start failure of an account; it doubles with each further one. */
const FIRST_WAIT_MS = SECOND_MS
const LONGEST_WAIT_MS = 30 * SECOND_MS
/** An account whose last failure is older than this starts afresh. */
const FORGET_AFTER_MS = 10 * LONGEST_WAIT_MS

/** So many crashes within CRASH_WINDOW_MS open the breaker. */
const MAX_CRASHES = 3
const CRASH_WINDOW_MS = MINUTE_MS
/** Children that ran beside each other and end within this time have one cause between them, such as a lack of memory. */
const TOGETHER_MS = SECOND_MS
/** How long it stays open; a crash soon after it has closed opens it again, because the window still knows the others. */
const OPEN_MS = 30 * SECOND_MS

interface Failing {
  failures: number
  until: number
  reason: string
}

interface Crashing {
  /** When children of the account ended by themselves, epoch ms, the oldest first; at most MAX_CRASHES. */
  at: number[]
  open?: { until: number; reason: string }
}

/** Keeps an account whose children do not start, or end as soon as they work, from trying all the time. */
export interface Faults {
  /** Whether a child of the account may be started now; else how long to wait, and why the last one failed. */
  check(accountId: string): { ok: true } | { ok: false; error: Refusal }
  /** Notes that a child did not start; `reason` is shown to whoever asks meanwhile. */
  startFailed(accountId: string, reason: string): { ok: false; error: Refusal }
  /** Notes that one did. */
  started(accountId: string): void
  /**
   * Notes that a child ended by itself that was ready at `readyAt` (epoch ms). Returns what the breaker says if that
   * has opened it.
   */
  crashed(accountId: string, readyAt: number, reason: string): string | undefined
  /** Drops what is long over. */
  forget(now: number): void
}

/** Start failures and crashes per account, in memory: a restart of the broker is a reason to try again. */
export function createFaults(clock: Clock): Faults {
  const failing = new Map<string, Failing>()
  const crashing = new Map<string, Crashing>()
  const refusal = (fault: { until: number; reason: string }) =>
    refuse('start-failed', fault.reason, Math.max(fault.until - clock.now(), 0))
  return {
    check(accountId) {
      for (const fault of [crashing.get(accountId)?.open, failing.get(accountId)])
        if (fault && fault.until > clock.now()) return refusal(fault)
      return { ok: true }
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
    crashed(accountId, readyAt, reason) {
      const now = clock.now()
      const before = crashing.get(accountId)
      const last = before?.at.at(-1) ?? Number.NEGATIVE_INFINITY
      if (readyAt < last && now - last < TOGETHER_MS) return undefined
      const at = [...(before?.at ?? []), now]
        .filter((then) => then > now - CRASH_WINDOW_MS)
        .slice(-MAX_CRASHES)
      const wasOpen = (before?.open?.until ?? now) > now
      if (at.length < MAX_CRASHES || wasOpen) {
        crashing.set(accountId, { ...before, at })
        return undefined
      }
      const said = `forgejo-mcp crashed ${at.length} times within a minute; at last it ${reason}`
      crashing.set(accountId, { at, open: { until: now + OPEN_MS, reason: said } })
      return said
    },
    forget(now) {
      for (const [accountId, fault] of failing)
        if (fault.until + FORGET_AFTER_MS <= now) failing.delete(accountId)
      for (const [accountId, { at, open }] of crashing)
        if ((at.at(-1) ?? 0) + CRASH_WINDOW_MS <= now && (open?.until ?? 0) <= now)
          crashing.delete(accountId)
    },
  }
}
