/** Undoes a timer; safe to call twice and after it fired. */
export type Cancel = () => void

/** The only source of time and timers: everything that waits is given one, and tests give a manual one. */
export interface Clock {
  /** Wall time in epoch milliseconds. */
  now(): number
  /** Milliseconds since some moment: no correction of the wall time moves this scale. */
  elapsed(): number
  /** Calls `fn` once, `ms` milliseconds from now. */
  after(ms: number, fn: () => void): Cancel
  /** Calls `fn` every `ms` milliseconds until cancelled. */
  every(ms: number, fn: () => void): Cancel
}

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** The longest delay setTimeout honours (2^31 - 1 ms); a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647

/** The machine's clock. A recurring timer never keeps the process alive; a single one does. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), MAX_TIMER_MS))
    return () => clearTimeout(timer)
  },
  every(ms, fn) {
    const timer = setInterval(fn, Math.min(Math.max(ms, 1), MAX_TIMER_MS))
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Resolves after `ms` milliseconds of the given clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

/** Marks the outcome of a wait that ran out of time. */
export const TIMED_OUT = Symbol('timed out')

/**
 * Waits for `work`, but no longer than `ms` milliseconds.
 * Returns TIMED_OUT when the time is up; `work` itself goes on and its late rejection is swallowed.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<T | typeof TIMED_OUT> {
  let cancel: Cancel = () => {}
  const limit = new Promise<typeof TIMED_OUT>((resolve) => {
    cancel = clock.after(ms, () => resolve(TIMED_OUT))
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, limit])
  } finally {
    cancel()
  }
}
