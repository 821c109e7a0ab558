import { type Clock, MINUTE_MS } from '../clock.ts'
import { RPC } from '../errors.ts'
import { createEventLog } from './event-log.ts'
import { createReader, type Holder, type Reader } from './reader.ts'
import type { Allowance } from './ring.ts'
import { errorText } from './rpc.ts'
import { type EventPlace, eventId, readEventId, renderEvent } from './sse.ts'
import {
  dropReaders,
  type EventStream,
  endReaders,
  isRead,
  listens,
  type StreamLedger,
} from './stream.ts'

/** When a client whose stream broke should come back. */
const RETRY_MS = 1_000

/** How long a stream that nobody reads is kept once nothing more is to be said on it, or it only listens. */
export const KEPT_UNREAD_MS = 5 * MINUTE_MS

/** Streams of one session that listen at the same time; one more closes the oldest. */
export const MAX_LISTENERS = 16

/** Connections that one stream is written to at the same time; one more closes the oldest. */
export const MAX_READERS = 4

const LOST_TEXT =
  'The answer was lost: the broker was restarted, or the client came back too late. The call may have been carried out.'

/** The stream that one POST is answered by. */
export interface CallStream {
  readonly reader: Reader
  say(text: string): void
  /** Says the answer to one of its calls. */
  answer(idText: string, text: string): void
  /** Nothing more follows. */
  end(): void
}

/**
 * The event streams of one session (MCP Streamable HTTP, "Resumability and Redelivery"). Every event has an id
 * `<stream>-<n>`; the last ones are kept so that a client that comes back with one gets what it missed on that stream.
 *
 * Several connections may read one stream: each gets everything. A client that reconnects twice at once would
 * otherwise take the stream from itself in turns, because one that is closed comes back.
 */
export interface SessionStreams {
  /** Opens a stream for the calls of one POST and the connection that it goes to. */
  open(ids: readonly string[], holder: Holder): CallStream
  /** Opens a stream for what belongs to no call. */
  listen(holder: Holder): Reader
  /**
   * Goes on with a stream behind the event that a client saw last: what it missed, then what is said from now on.
   * Undefined when there is nothing more to come on that stream, or it is none of this session's.
   */
  resume(lastEventId: string, holder: Holder): Reader | undefined
  /** Says something that belongs to no call on the newest stream that listens; false when none is connected. */
  tell(text: string): boolean
  /** The same for one whose client is away but may come back; false when there is none either. */
  keep(text: string): boolean
  /** Resets the connections of a login that was revoked. */
  cut(holder: Holder): void
  /** Closes every connection, those to come too, once everything was read; clients may come back to another process. */
  close(): void
  /** Forgets what nobody came back for; true while there is anything that only memory knows. */
  tidy(): boolean
}

export interface StreamsOptions {
  clock: Clock
  allowance: Allowance
  ledger: StreamLedger
  /** Takes the number of a new stream: never one that was used before. */
  nextNumber(): number
  /** Whether the client takes an event with empty data (2025-11-25 on); else the id comes without data. */
  primed: boolean
}

/** The streams of one session. */
export function createSessionStreams(options: StreamsOptions): SessionStreams {
  const { clock, ledger, nextNumber, primed } = options
  const log = createEventLog(options)
  let arrivals = 0
  let closed = false

  function attach(stream: EventStream, holder: Holder, seen: number): Reader {
    const reader = createReader({
      clock,
      familyId: holder.familyId,
      listens: stream.ids === undefined,
      left(gone, how) {
        stream.readers.splice(stream.readers.indexOf(gone), 1)
        stream.idleSince = clock.now()
        if (how === 'read' && stream.ended) ledger.closed(stream.number)
        log.forgetSpent(stream)
      },
    })
    if (stream.readers.length >= MAX_READERS) stream.readers[0]?.drop()
    stream.readers.push(reader)
    stream.arrived = ++arrivals
    const id = eventId({ stream: stream.number, n: seen })
    reader.push(renderEvent({ id, retryMs: RETRY_MS, ...(primed && { data: '' }) }))
    if (closed) reader.end()
    return reader
  }

  function answer(stream: EventStream, idText: string, text: string): void {
    const others = stream.answers.filter((known) => known.idText !== idText)
    stream.answers = [...others, { idText, n: log.emit(stream, text) }]
  }

  const answerLost = (stream: EventStream, idText: string): void => {
    const data = { reason: 'answer-lost' }
    answer(stream, idText, errorText(idText, RPC.internalError, LOST_TEXT, data))
  }

  function finish(stream: EventStream): void {
    stream.ended = true
    stream.idleSince = clock.now()
    endReaders(stream)
    log.forgetSpent(stream)
  }

  /** A stream that only the ledger knows: one that listens goes on; calls get an error, as their answers are gone. */
  function recall({ stream: number, n }: EventPlace): EventStream | undefined {
    const row = ledger.find(number)
    if (!row) return undefined
    const stream = log.start(number, row.ids, n)
    for (const idText of row.ids ?? []) answerLost(stream, idText)
    stream.ended = row.ids !== undefined
    return stream
  }

  /** The streams that listen, those whose connection came last first. */
  const listeners = (): EventStream[] =>
    log
      .all()
      .filter(listens)
      .sort((a, b) => b.arrived - a.arrived)

  const newest = (fits: (stream: EventStream) => boolean): EventStream | undefined => {
    let found: EventStream | undefined
    for (const stream of log.all())
      if (listens(stream) && fits(stream) && stream.arrived > (found?.arrived ?? 0)) found = stream
    return found
  }

  const emitOn = (stream: EventStream | undefined, text: string): boolean => {
    if (stream) log.emit(stream, text)
    return stream !== undefined
  }

  return {
    open(ids, holder) {
      const stream = log.start(nextNumber(), ids)
      ledger.opened(stream.number, ids)
      return {
        reader: attach(stream, holder, stream.last),
        say: (text) => void log.emit(stream, text),
        answer: (idText, text) => answer(stream, idText, text),
        end: () => finish(stream),
      }
    },

    listen(holder) {
      const present = listeners()
      const read = present.filter(isRead)
      const unread = present.filter((stream) => !isRead(stream))
      for (const stream of read.slice(MAX_LISTENERS - 1)) dropReaders(stream)
      for (const stream of unread.slice(MAX_LISTENERS - 1)) log.forget(stream)
      const stream = log.start(nextNumber(), undefined)
      ledger.opened(stream.number, undefined)
      return attach(stream, holder, stream.last)
    },

    resume(lastEventId, holder) {
      const seen = readEventId(lastEventId)
      const stream = seen && (log.get(seen.stream) ?? recall(seen))
      if (!stream) return undefined
      if (stream.ended && seen.n >= stream.last) {
        ledger.closed(stream.number)
        return undefined
      }
      const reader = attach(stream, holder, seen.n)
      const { kept, dropped } = log.missed(stream, seen.n)
      const lagged = { event: 'lagged', data: JSON.stringify({ dropped }) }
      if (dropped > 0) reader.push(renderEvent(lagged))
      for (const { parts } of kept) reader.push(parts)
      const there = new Set(kept.map(({ n }) => n))
      for (const { idText, n } of stream.answers)
        if (n > seen.n && !there.has(n)) answerLost(stream, idText)
      if (stream.ended) reader.end()
      return reader
    },

    tell: (text) => emitOn(newest(isRead), text),
    keep: (text) =>
      emitOn(
        newest(() => true),
        text,
      ),

    cut(holder) {
      for (const stream of log.all()) dropReaders(stream, holder)
    },

    close() {
      closed = true
      for (const stream of log.all()) endReaders(stream)
      log.close()
    },

    tidy() {
      const limit = clock.now() - KEPT_UNREAD_MS
      for (const stream of log.all()) {
        const over = stream.ended || stream.ids === undefined
        if (over && !isRead(stream) && stream.idleSince <= limit) log.forget(stream)
      }
      return log.all().length > 0
    },
  }
}
