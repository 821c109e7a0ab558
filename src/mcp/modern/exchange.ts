import { type Cancel, type Clock, SECOND_MS } from '../../clock.ts'
import { Deadlines, type Due } from '../../deadlines.ts'
import { createReader, type Holder, type Reader } from '../reader.ts'
import { renderEvent } from '../sse.ts'
import type { Outcome } from './outcome.ts'

/** Silence after which the reply becomes a stream, so that proxies see life. */
const SILENCE_MS = 5 * SECOND_MS

/**
 * A client is watched once its request has taken so long, in ms: to watch it from the first would cost more than most
 * requests take. From a stream it goes away by cancelling the body.
 */
const UNWATCHED_MS = 100

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
}

export interface ModernExchangeOptions extends Holder {
  /** Its signal aborts when the client goes away. */
  client: { readonly signal: AbortSignal }
  /** Called once when the client goes before it had the outcome: that cancels the request. */
  gone(): void
}

/** Opens the exchange of one request. One whose reply is never asked for leaves nothing behind. */
export type OpenModernExchange = (options: ModernExchangeOptions) => ModernExchange

/** What opens exchanges: those whose clients are not watched yet stand in one list. */
export function createModernExchanges(clock: Clock): OpenModernExchange {
  const shared = { clock, unwatched: new Deadlines(clock, UNWATCHED_MS) }
  return (options) => new RequestExchange(shared, options)
}

interface Shared {
  readonly clock: Clock
  readonly unwatched: Deadlines
}

class RequestExchange implements ModernExchange, Due {
  private readonly reply: Promise<ModernReply>
  private resolve: (reply: ModernReply) => void = () => {}
  private reader: Reader | undefined
  /** The outcome was said, or nobody hears it. */
  private over = false
  private watched = false
  /** When the reply was asked for, as the clock's `elapsed`. */
  private askedAt: number | undefined
  private stopTimer: Cancel | undefined
  due = 0
  before: Due | undefined = undefined
  after: Due | undefined = undefined

  constructor(
    private readonly shared: Shared,
    private readonly options: ModernExchangeOptions,
  ) {
    this.reply = new Promise((resolve) => {
      this.resolve = resolve
    })
    shared.unwatched.add(this)
  }

  message(text: string): void {
    const reader = this.stream()
    if (reader) write(reader, text)
  }

  end(outcome: Outcome): void {
    if (this.over) return
    this.settle()
    if (this.reader) {
      write(this.reader, outcome.text)
      this.reader.end()
    } else this.resolve({ kind: 'json', outcome })
  }

  respond(): Promise<ModernReply> {
    this.askedAt = this.shared.clock.elapsed()
    if (this.watched) this.awaitSilence()
    return this.reply
  }

  /** It takes long. */
  expire(): void {
    this.watch()
    this.awaitSilence()
  }

  private awaitSilence(): void {
    if (this.over || this.reader || this.askedAt === undefined) return
    const { clock } = this.shared
    const left = SILENCE_MS - (clock.elapsed() - this.askedAt)
    this.stopTimer = clock.after(left, () => this.stream())
  }

  private watch(): void {
    if (this.watched) return
    this.watched = true
    const { signal } = this.options.client
    signal.addEventListener('abort', () => this.leave())
    if (signal.aborted) this.leave()
  }

  private leave(): void {
    if (this.over) return
    this.settle()
    if (this.reader) this.reader.drop()
    else this.resolve({ kind: 'gone' })
    this.options.gone()
  }

  /** The stream that the reply is from now on; undefined when nothing more can be said. */
  private stream(): Reader | undefined {
    if (this.over || this.reader) return this.over ? undefined : this.reader
    if (this.options.client.signal.aborted) {
      this.leave()
      return undefined
    }
    this.stopTimer?.()
    const { familyId } = this.options
    this.reader = createReader({
      clock: this.shared.clock,
      familyId,
      listens: false,
      left: () => this.leave(),
    })
    this.resolve({ kind: 'stream', body: this.reader.body })
    return this.reader
  }

  private settle(): void {
    this.over = true
    this.stopTimer?.()
    this.shared.unwatched.remove(this)
  }
}

const write = (reader: Reader, data: string): void =>
  reader.push(renderEvent({ event: 'message', data }))
