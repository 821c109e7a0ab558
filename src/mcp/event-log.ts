import type { Clock } from '../clock.ts'
import { type Allowance, createRing, type Kept } from './ring.ts'
import { eventId, renderEvent } from './sse.ts'
import { type EventStream, isRead, newStream } from './stream.ts'

/** Everything said on the streams of one session: numbered, written to whoever reads, and kept for a while. */
export interface EventLog {
  get(number: number): EventStream | undefined
  all(): EventStream[]
  /**
   * Adds a stream that nobody reads yet.
   * @param ids see EventStream
   * @param last the number of the last event of a stream that existed before; a new one takes the next number
   */
  start(number: number, ids: readonly string[] | undefined, last?: number): EventStream
  /** Says a JSON-RPC message on a stream; returns the event's number. */
  emit(stream: EventStream, text: string): number
  /** What was said on a stream behind event `n`: what is kept of it, and how many events are not. */
  missed(stream: EventStream, n: number): { kept: Kept[]; dropped: number }
  forget(stream: EventStream): void
  /** Forgets a stream of which there is nothing left to tell. */
  forgetSpent(stream: EventStream): void
  /** Forgets everything and keeps nothing from now on. */
  close(): void
}

/** An empty log. */
export function createEventLog({
  clock,
  allowance,
}: {
  clock: Clock
  allowance: Allowance
}): EventLog {
  const streams = new Map<number, EventStream>()
  let events = 0
  let closed = false

  const ring = createRing(allowance, ({ stream: number, n }) => {
    const stream = streams.get(number)
    if (!stream) return
    stream.gaps.add(n)
    stream.kept--
    forgetSpent(stream)
  })

  function forget(stream: EventStream): void {
    streams.delete(stream.number)
    ring.forget(stream.number)
  }

  function forgetSpent(stream: EventStream): void {
    if (stream.ended && stream.kept === 0 && !isRead(stream)) forget(stream)
  }

  return {
    get: (number) => streams.get(number),
    all: () => [...streams.values()],
    start(number, ids, last) {
      if (last !== undefined) events = Math.max(events, last)
      const stream = newStream({ number, ids, last: last ?? ++events, now: clock.now() })
      if (!closed) streams.set(number, stream)
      return stream
    },
    emit(stream, text) {
      const n = ++events
      const id = eventId({ stream: stream.number, n })
      const parts = renderEvent({ event: 'message', id, data: text })
      stream.last = n
      if (!closed) {
        stream.kept++
        ring.add({ stream: stream.number, n, parts })
      }
      for (const reader of [...stream.readers]) reader.push(parts)
      return n
    },
    missed: ({ number, gaps }, n) => ({ kept: ring.after(number, n), dropped: gaps.after(n) }),
    forget,
    forgetSpent,
    close() {
      closed = true
      for (const stream of [...streams.values()]) forget(stream)
    },
  }
}
