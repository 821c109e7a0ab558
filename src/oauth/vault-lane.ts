import { type Clock, SECOND_MS, TIMED_OUT, within } from '../clock.ts'

/** Longest wait for one's turn, in milliseconds: a Forgejo that hangs must not hold up everybody for ever. */
export const LANE_WAIT_MS = 15 * SECOND_MS

/**
 * Keeps code exchanges and refreshes apart. An exchange kills every older refresh token of its user, and who that
 * is comes out only afterwards: so exchanges run one at a time, each after the refreshes that were under way, and
 * no refresh starts meanwhile. Who has waited for LANE_WAIT_MS goes ahead; the counters in the pairs then decide.
 */
export interface Lane {
  /** Runs `work` alone. */
  exclusive<T>(work: () => Promise<T>): Promise<T>
  /** Runs `work` beside other shared work. */
  shared<T>(work: () => Promise<T>): Promise<T>
}

/** An empty lane. */
export function createLane(clock: Clock): Lane {
  const refreshes = new Set<Promise<unknown>>()
  let exchanges = 0
  /** The end of the last exchange in line. */
  let last: Promise<void> = Promise.resolve()

  return {
    async exclusive(work) {
      const before = [last, ...refreshes]
      let end = () => {}
      last = new Promise((resolve) => {
        end = resolve
      })
      exchanges += 1
      try {
        await within(clock, LANE_WAIT_MS, Promise.allSettled(before))
        return await work()
      } finally {
        exchanges -= 1
        end()
      }
    },

    async shared(work) {
      const until = clock.now() + LANE_WAIT_MS
      while (exchanges > 0) {
        const left = until - clock.now()
        if (left <= 0 || (await within(clock, left, last)) === TIMED_OUT) break
      }
      // No await between the check and this: an exchange that comes next must see it.
      const running = work()
      refreshes.add(running)
      try {
        return await running
      } finally {
        refreshes.delete(running)
      }
    },
  }
}
