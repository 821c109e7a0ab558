import { type Clock, SECOND_MS, sleep, within } from '../clock.ts'
import type { Registry } from '../session/registry.ts'
import type { Listening } from './listen.ts'

/** Whoever asks so often within so long watches: a proxy that keeps requests back while the answer is bad. */
const WATCHING_ASKS = 3
const WATCHING_MS = 2 * SECOND_MS
/** How long a watcher may take from being told until it keeps requests back, in ms. */
const ACT_MS = 50
/** How long the last answers may take to reach their clients, in ms. */
const FLUSH_MS = SECOND_MS

/** Knows who watches the broker's health, so that they learn of its end before it comes. */
export interface HealthWatch {
  /** Called for each question about health; whether the broker is about to stop. */
  leaving(): boolean
  /** The broker will stop: resolves when a watcher knows, at once when nobody watches. */
  announce(): Promise<void>
}

/** Nobody watches yet. */
export function createHealthWatch(clock: Clock): HealthWatch {
  let asks: number[] = []
  let leaving = false
  const told = Promise.withResolvers<void>()
  return {
    leaving() {
      asks = [...asks, clock.now()].slice(-WATCHING_ASKS)
      if (leaving) told.resolve()
      return leaving
    },
    async announce() {
      leaving = true
      const since = asks.length < WATCHING_ASKS ? undefined : asks[0]
      if (since === undefined || clock.now() - since > WATCHING_MS) return
      await within(clock, WATCHING_MS, told.promise)
      await sleep(clock, ACT_MS)
    },
  }
}

/**
 * Ends the service: whoever watches is told first and requests are served meanwhile; then no connection is taken any
 * more, calls in flight get `graceMs` ms, every child is stopped. Aborting `hurry` cuts all of that short.
 */
export async function bowOut(parts: {
  clock: Clock
  watch: HealthWatch
  listening: Listening
  registry: Pick<Registry, 'stopAll'>
  graceMs: number
  hurry: AbortSignal
}): Promise<void> {
  const { clock, watch, listening, registry, graceMs, hurry } = parts
  const hurried = new Promise<void>((resolve) => {
    if (hurry.aborted) resolve()
    else hurry.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([watch.announce(), hurried])
  const drained = listening.drain()
  drained.catch(() => {})
  void hurried.then(() => registry.stopAll(0))
  await registry.stopAll(hurry.aborted ? 0 : graceMs)
  // Every call has its answer or its error now; it still has to reach the client.
  await within(clock, FLUSH_MS, drained)
}
