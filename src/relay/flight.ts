import type { Cancel, Clock } from '../clock.ts'

/** Why a request upstream was ended early. */
export type Ended = 'too-slow' | 'child-gone' | 'stopping'

/** One child's request on its way upstream, with everything that may end it. */
export interface Flight {
  /** Aborts the fetch; its reason is an Error. */
  readonly signal: AbortSignal
  /** Why the flight was aborted; undefined while it was not. */
  readonly ended: Ended | undefined
  /** Gives Forgejo `ms` milliseconds for its next sign of life; replaces an earlier limit. */
  expect(ms: number): void
  /** Takes that limit back: Forgejo is not what is being waited for. */
  relax(): void
  /** Ends the flight early. */
  abort(why: Ended): void
  /** The flight is over: timers are cleared and its place is given back. Safe to call twice. */
  land(): void
}

/**
 * Opens a flight that lasts `totalMs` at most.
 * @param onLand called once, when the flight is over for whatever reason
 */
export function openFlight(clock: Clock, totalMs: number, onLand: () => void): Flight {
  const controller = new AbortController()
  let ended: Ended | undefined
  let landed = false
  let cancelLimit: Cancel = () => {}
  const flight: Flight = {
    signal: controller.signal,
    get ended() {
      return ended
    },
    expect(ms) {
      cancelLimit()
      if (!landed) cancelLimit = clock.after(ms, () => flight.abort('too-slow'))
    },
    relax: () => cancelLimit(),
    abort(why) {
      if (landed) return
      ended = why
      flight.land()
      controller.abort(new Error(why))
    },
    land() {
      if (landed) return
      landed = true
      cancelLimit()
      cancelTotal()
      onLand()
    },
  }
  const cancelTotal = clock.after(totalMs, () => flight.abort('too-slow'))
  return flight
}
