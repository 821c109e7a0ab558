import { type Cancel, type Clock, SECOND_MS } from '../../clock.ts'
import { createReader, type Holder, type Reader } from '../reader.ts'
import { renderEvent } from '../sse.ts'
import type { Outcome } from './outcome.ts'

/** Silence after which the reply becomes a stream, so that proxies see life. */
const SILENCE_MS = 5 * SECOND_MS

/** Where what is said about one request of a stateless client goes. */
export interface ModernSink {
  /** A notification about the request. */
  message(text: string): void
  /** How it came out; nothing comes after it. */
  end(outcome: Outcome): void
}

/** What a request is answered with; nothing when the client has gone. */
export type ModernReply =
  | { kind: 'json'; outcome: Outcome }
  | { kind: 'stream'; body: ReadableStream<Uint8Array> }
  | { kind: 'gone' }

/** One request of a stateless client and its reply (2026-07-28 streamable-http, "Receiving Messages"). */
export interface ModernExchange extends ModernSink {
  /**
   * The reply: JSON when the outcome is the first thing said, a stream without event ids as soon as anything else comes
   * first or nothing came for 5 s, counted from this call. It may be asked for once.
   */
  respond(): Promise<ModernReply>
  /** The client went away. */
  disconnect(): void
}

type State = { kind: 'waiting' } | { kind: 'stream'; reader: Reader } | { kind: 'done' }

/** @param options.gone called once when the client goes before it had the outcome: that cancels the request */
export function openModernExchange(
  options: Holder & { clock: Clock; gone(): void },
): ModernExchange {
  const { clock, familyId, gone } = options
  const reply = Promise.withResolvers<ModernReply>()
  let state: State = { kind: 'waiting' }
  let stopTimer: Cancel = () => {}

  const leave = (): void => {
    if (state.kind === 'done') return
    stopTimer()
    state = { kind: 'done' }
    reply.resolve({ kind: 'gone' })
    gone()
  }

  const stream = (): Reader | undefined => {
    if (state.kind !== 'waiting') return state.kind === 'stream' ? state.reader : undefined
    stopTimer()
    const reader = createReader({ clock, familyId, listens: false, left: leave })
    state = { kind: 'stream', reader }
    reply.resolve({ kind: 'stream', body: reader.body })
    return reader
  }

  const write = (reader: Reader, data: string): void =>
    reader.push(renderEvent({ event: 'message', data }))

  return {
    message(text) {
      const reader = stream()
      if (reader) write(reader, text)
    },
    end(outcome) {
      const { kind } = state
      stopTimer()
      if (state.kind === 'stream') {
        write(state.reader, outcome.text)
        state.reader.end()
      }
      if (kind === 'waiting') reply.resolve({ kind: 'json', outcome })
      state = { kind: 'done' }
    },
    respond() {
      if (state.kind === 'waiting') stopTimer = clock.after(SILENCE_MS, stream)
      return reply.promise
    },
    disconnect() {
      if (state.kind === 'stream') state.reader.drop()
      leave()
    },
  }
}
