import { type Cancel, type Clock, HOUR_MS } from '../clock.ts'
import { createOutbox } from './outbox.ts'
import { KEEP_ALIVE_MS, renderKeepAlive } from './sse.ts'

/** How long one connection may listen; its client comes back with the id of the last event. */
export const LISTEN_MS = HOUR_MS

/** Whose connection it is. */
export interface Holder {
  /** The login whose token opened it: the connection does not outlive it. */
  familyId: string
}

/** One connection that an event stream is written to. */
export interface Reader extends Holder {
  readonly body: ReadableStream<Uint8Array>
  push(parts: readonly Uint8Array[]): void
  /** Closes the connection once everything was read. */
  end(): void
  /** Resets the connection. */
  drop(): void
}

export interface ReaderOptions extends Holder {
  clock: Clock
  /** Whether it listens for whatever comes: then it is closed after an hour. */
  listens: boolean
  /** Called once: `read` when the connection was closed with nothing left to say, `lost` when it broke. */
  left(reader: Reader, how: 'read' | 'lost'): void
}

/** A connection that says something every 15 s, so that proxies and clients see that it lives. */
export function createReader({ clock, familyId, listens, left }: ReaderOptions): Reader {
  const timers: Cancel[] = []
  const outbox = createOutbox(clock, (how) => {
    for (const stop of timers) stop()
    left(reader, how)
  })
  const reader: Reader = {
    familyId,
    body: outbox.body,
    push: (parts) => void outbox.push(parts),
    end: outbox.end,
    drop: outbox.drop,
  }
  timers.push(
    clock.every(KEEP_ALIVE_MS, () => {
      if (outbox.empty) outbox.push(renderKeepAlive())
    }),
  )
  if (listens) timers.push(clock.after(LISTEN_MS, outbox.end))
  return reader
}
