import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Metrics } from '../metrics.ts'
import type { Bases } from './bases.ts'
import { type Flight, openFlight } from './flight.ts'
import type { Fetch } from './forward.ts'
import type { Credentials } from './heal.ts'
import type { Limits } from './limits.ts'
import type { Holder } from './passes.ts'
import type { Target } from './paths.ts'

/** What every part of one relay shares. */
export interface Context {
  config: Pick<Config, 'callTimeoutMs' | 'forgejoUrl'>
  vault: Credentials
  clock: Clock
  metrics: Metrics
  fetch: Fetch
  bases: Bases
  limits: Limits
  flights: Flights
}

/** A refusal that an operator may want to look into. */
export interface RelayAudit {
  event: 'relay.pass_refused'
  accountId?: string
  reason: string
}

/** A child's request that has been judged: who asks, and where it goes. */
export interface Judged {
  request: Request
  holder: Holder
  target: Target
}

/** The flights that are on their way. */
export interface Flights {
  /** Opens a flight for a request of a child; a read ends when its child or its pass does, a write never for that. */
  open(request: Request, holder: Holder, read: boolean, totalMs: number, leave: () => void): Flight
  /** Opens a flight that no child waits for. */
  openOwn(totalMs: number, leave: () => void): Flight
  /** Ends the reads and whatever comes later at once, the rest after `graceMs`; resolves when nothing flies. */
  stop(graceMs: number): Promise<void>
}

/** An empty set of flights. */
export function createFlights(clock: Clock): Flights {
  const reads = new Set<Flight>()
  const writes = new Set<Flight>()
  let onEmpty: () => void = () => {}
  let stopped = false

  const add = (set: Set<Flight>, totalMs: number, leave: () => void): Flight => {
    const flight = openFlight(clock, totalMs, () => {
      set.delete(flight)
      leave()
      if (reads.size + writes.size === 0) onEmpty()
    })
    set.add(flight)
    if (stopped) flight.abort('stopping')
    return flight
  }

  return {
    open(request, holder, read, totalMs, leave) {
      if (!read) return add(writes, totalMs, leave)
      const gone = () => flight.abort('child-gone')
      const flight = add(reads, totalMs, () => {
        holder.onDeath.delete(gone)
        request.signal.removeEventListener('abort', gone)
        leave()
      })
      holder.onDeath.add(gone)
      request.signal.addEventListener('abort', gone)
      return flight
    },
    openOwn: (totalMs, leave) => add(reads, totalMs, leave),
    async stop(graceMs) {
      stopped = true
      for (const flight of [...reads]) flight.abort('stopping')
      if (writes.size === 0) return
      await new Promise<void>((resolve) => {
        const cancel = clock.after(graceMs, () => {
          for (const flight of [...writes]) flight.abort('stopping')
        })
        onEmpty = () => {
          cancel()
          resolve()
        }
      })
    },
  }
}
