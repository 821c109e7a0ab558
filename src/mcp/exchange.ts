import { type Cancel, type Clock, SECOND_MS } from '../clock.ts'
import type { CallSink } from './calls.ts'
import { createPacedBody } from './outbox.ts'
import type { Holder } from './reader.ts'
import type { CallStream, SessionStreams } from './streams.ts'

/** Silence of the child after which the reply becomes a stream, so that proxies see life. */
const SILENCE_MS = 5 * SECOND_MS

/**
 * JSON from this length on, in UTF-16 units, is written at its reader's pace and given up when that stops: the server
 * would keep it for as long as the connection is there.
 */
const PACED_LENGTH = 2 * 1024 * 1024

/** What a POST is answered with: a body of `application/json`, or of `text/event-stream`; nothing when nobody waits. */
export type ExchangeReply =
  | { kind: 'json'; body: string | ReadableStream<Uint8Array> }
  | { kind: 'stream'; body: ReadableStream<Uint8Array> }
  | { kind: 'gone' }

/** One POST on /mcp that carries requests, and everything the child says about them. */
export interface Exchange extends CallSink {
  /** One sink for each request; a call's answer goes to the sink of its place. */
  readonly sinks: readonly CallSink[]
  /**
   * The reply: JSON when the answers are the first thing said, a stream as soon as anything else comes first or
   * nothing came for 5 s, counted from this call. It may be asked for once.
   */
  respond(): Promise<ExchangeReply>
  /**
   * The client went away. What is still said on a stream is kept for its return; a client that has seen no event
   * yet has nothing to come back with, so its answers go nowhere and its sinks hear nothing.
   */
  disconnect(): void
}

export interface ExchangeOptions {
  clock: Clock
  streams: SessionStreams
  /** JSON source of the ids of the requests, in their order. */
  ids: readonly string[]
  /** Whether the requests came in a batch, whose answers are a JSON array. Default false. */
  batch?: boolean
  /** Whose request it is. */
  holder: Holder
}

type State =
  | { kind: 'waiting'; held: { idText: string; text: string }[] }
  | { kind: 'stream'; stream: CallStream }
  | { kind: 'done' }

/** Opens the exchange of one POST that carries at least one request. */
export function openExchange(options: ExchangeOptions): Exchange {
  const { clock, streams, ids, batch = false, holder } = options
  const reply = Promise.withResolvers<ExchangeReply>()
  const open = new Set(ids.keys())
  let state: State = { kind: 'waiting', held: [] }
  let asked = false
  let stopTimer: Cancel = () => {}

  /** The stream that the reply is from now on; undefined when there is no reply any more. */
  const stream = (): CallStream | undefined => {
    if (state.kind !== 'waiting') return state.kind === 'stream' ? state.stream : undefined
    stopTimer()
    const { held } = state
    const opened = streams.open(ids, holder)
    state = { kind: 'stream', stream: opened }
    for (const { idText, text } of held) opened.answer(idText, text)
    reply.resolve({ kind: 'stream', body: opened.reader.body })
    return opened
  }

  const say = (text: string): boolean => {
    const to = stream()
    to?.say(text)
    return to !== undefined
  }

  const finish = (given: ExchangeReply): void => {
    stopTimer()
    state = { kind: 'done' }
    reply.resolve(given)
  }

  const answer = (place: number, text: string): void => {
    if (!open.delete(place)) return
    const idText = ids[place] ?? 'null'
    if (state.kind === 'stream') {
      state.stream.answer(idText, text)
      if (open.size === 0) state.stream.end()
    } else if (state.kind === 'waiting') {
      state.held.push({ idText, text })
      if (open.size > 0) return
      const texts = state.held.map((each) => each.text)
      const body = batch ? `[${texts.join(',')}]` : texts.join('')
      const large = body.length >= PACED_LENGTH
      finish({ kind: 'json', body: large ? createPacedBody(clock, Buffer.from(body)) : body })
    }
  }

  const sinks = ids.map(
    (_id, place): CallSink => ({
      message: (text) => open.has(place) && say(text),
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
      if (state.kind === 'waiting') finish({ kind: 'gone' })
      else if (state.kind === 'stream') state.stream.reader.drop()
    },
  }
}
