import { type Cancel, type Clock, SECOND_MS } from '../clock.ts'
import type { CallSink } from './calls.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { KEEP_ALIVE_MS, renderEvent, renderKeepAlive } from './sse.ts'
import type { SessionStreams } from './streams.ts'

/** Silence of the child after which the reply becomes a stream, so that proxies see life. */
const SILENCE_MS = 5 * SECOND_MS

/** When a client whose stream broke should come back. */
const RETRY_MS = 1_000

/** What a POST is answered with: a body of `application/json`, or of `text/event-stream`. */
export type ExchangeReply =
  | { kind: 'json'; body: string }
  | { kind: 'stream'; body: ReadableStream<Uint8Array> }

/** One POST on /mcp that carries requests, and everything the child says about them. */
export interface Exchange extends CallSink {
  /** One sink for each request; a call's answer goes to the sink of its place. */
  readonly sinks: readonly CallSink[]
  /**
   * The reply: JSON when the answers are the first thing said, a stream as soon as anything else comes first or
   * nothing came for 5 s, counted from this call. It may be asked for once.
   */
  respond(): Promise<ExchangeReply>
  /** The client went away. What is still said is recorded, and written nowhere. */
  disconnect(): void
}

export interface ExchangeOptions {
  clock: Clock
  streams: SessionStreams
  /** JSON source of the ids of the requests, in their order. */
  ids: readonly string[]
  /** Whether the requests came in a batch, whose answers are a JSON array. Default false. */
  batch?: boolean
  /** Whether the client takes an event with empty data (2025-11-25 on); else the id comes without data. Default true. */
  primed?: boolean
  /** Called once when the client goes, or is dropped for reading too slowly, before it has read everything. */
  gone?: () => void
}

type State =
  | { kind: 'waiting'; held: string[] }
  | { kind: 'stream'; stream: number; outbox: Outbox }
  | { kind: 'done' }

/** Opens the exchange of one POST that carries at least one request. */
export function openExchange(options: ExchangeOptions): Exchange {
  const { clock, streams, ids, batch = false, primed = true, gone } = options
  const reply = Promise.withResolvers<ExchangeReply>()
  const open = new Set(ids.keys())
  let state: State = { kind: 'waiting', held: [] }
  let asked = false
  let stopTimer: Cancel = () => {}

  const lost = (): void => {
    stopTimer()
    gone?.()
  }

  const write = (stream: number, outbox: Outbox, text: string): void => {
    const id = streams.record(stream, text)
    outbox.push(renderEvent({ event: 'message', id, data: text }))
  }

  /** Turns the reply into a stream, if it is not one yet. */
  const stream = (): void => {
    if (state.kind !== 'waiting') return
    stopTimer()
    const { held } = state
    const { stream } = streams.next()
    const outbox = createOutbox(clock, lost)
    state = { kind: 'stream', stream, outbox }
    const id = streams.record(stream, '')
    outbox.push(renderEvent({ id, retryMs: RETRY_MS, ...(primed && { data: '' }) }))
    for (const text of held) write(stream, outbox, text)
    stopTimer = clock.every(KEEP_ALIVE_MS, () => {
      if (outbox.empty) outbox.push(renderKeepAlive())
    })
    reply.resolve({ kind: 'stream', body: outbox.body })
  }

  const say = (text: string): void => {
    stream()
    if (state.kind === 'stream') write(state.stream, state.outbox, text)
  }

  const answer = (place: number, text: string): void => {
    if (!open.delete(place)) return
    if (state.kind === 'stream') write(state.stream, state.outbox, text)
    else if (state.kind === 'waiting') state.held.push(text)
    if (open.size > 0) return
    stopTimer()
    if (state.kind === 'stream') state.outbox.end()
    else if (state.kind === 'waiting') {
      const body = batch ? `[${state.held.join(',')}]` : state.held.join('')
      state = { kind: 'done' }
      reply.resolve({ kind: 'json', body })
    }
  }

  const sinks = ids.map(
    (_id, place): CallSink => ({
      message: (text) => {
        if (open.has(place)) say(text)
      },
      end: (text) => answer(place, text),
    }),
  )

  return {
    sinks,
    message: (text) => sinks[0]?.message(text),
    end: (text) => sinks[0]?.end(text),
    respond() {
      if (asked) throw new Error('an exchange has one reply')
      asked = true
      if (state.kind === 'waiting') stopTimer = clock.after(SILENCE_MS, stream)
      return reply.promise
    },
    disconnect() {
      stream()
      if (state.kind === 'stream') state.outbox.drop()
    },
  }
}
