import { type Clock, SECOND_MS } from '../clock.ts'
import { Deadlines, type Due } from '../deadlines.ts'
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

/**
 * One POST on /mcp that carries requests, and everything the child says about them. When its client goes away from a
 * stream, whose body is cancelled then, what is still said is kept for its return.
 */
export interface Exchange extends CallSink {
  /** One sink for each request; a call's answer goes to the sink of its place. The exchange itself is the first. */
  readonly sinks: readonly CallSink[]
  /**
   * The reply: JSON when the answers are the first thing said, a stream as soon as anything else comes first or
   * nothing came for 5 s, counted from this call. It may be asked for once.
   */
  respond(): Promise<ExchangeReply>
}

export interface ExchangeOptions {
  streams: SessionStreams
  /** JSON source of the ids of the requests, in their order. */
  ids: readonly string[]
  /** Whether the requests came in a batch, whose answers are a JSON array. Default false. */
  batch?: boolean
  /** Whose request it is. */
  holder: Holder
  /**
   * Whether the client has gone is asked before the reply becomes a stream: one that has seen no event has nothing to
   * come back with, so its answers go nowhere and its sinks hear nothing. To be told at once would cost more than most
   * calls take.
   */
  client?: { readonly signal: AbortSignal }
}

/** Opens the exchange of one POST that carries at least one request. */
export type OpenExchange = (options: ExchangeOptions) => Exchange

/** What opens exchanges: their silences stand in one list. */
export function createExchanges(clock: Clock): OpenExchange {
  const shared = { clock, silences: new Deadlines(clock, SILENCE_MS) }
  return (options) => new PostExchange(shared, options)
}

interface Shared {
  readonly clock: Clock
  readonly silences: Deadlines
}

class PostExchange implements Exchange, Due {
  private readonly reply: Promise<ExchangeReply>
  private resolve: (reply: ExchangeReply) => void = () => {}
  /** Answers that wait for the rest of their batch, oldest first. */
  private held: { place: number; text: string }[] | undefined
  /** The places of a batch that have their answer. */
  private answered: Set<number> | undefined
  private streaming: CallStream | undefined
  /** Everything was answered, or nobody hears it. */
  private over = false
  private replied = false
  private asked = false
  due = 0
  before: Due | undefined = undefined
  after: Due | undefined = undefined

  constructor(
    private readonly shared: Shared,
    private readonly options: ExchangeOptions,
  ) {
    this.reply = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  get sinks(): readonly CallSink[] {
    return this.options.ids.map((_id, place) => ({
      message: (text) => this.messageAt(place, text),
      end: (text) => this.endAt(place, text),
    }))
  }

  message(text: string): boolean {
    return this.messageAt(0, text)
  }

  end(text: string): void {
    this.endAt(0, text)
  }

  respond(): Promise<ExchangeReply> {
    if (this.asked) throw new Error('an exchange has one reply')
    this.asked = true
    if (!this.replied) this.shared.silences.add(this)
    return this.reply
  }

  expire(): void {
    this.open()
  }

  private messageAt(place: number, text: string): boolean {
    if (this.over || this.answered?.has(place)) return false
    const stream = this.open()
    stream?.say(text)
    return stream !== undefined
  }

  private endAt(place: number, text: string): void {
    if (this.over || this.answered?.has(place)) return
    const { ids } = this.options
    if (ids.length > 1) {
      this.answered ??= new Set()
      this.answered.add(place)
    }
    this.over = ids.length === (this.answered?.size ?? 1)
    if (this.streaming) {
      this.streaming.answer(ids[place] ?? 'null', text)
      if (this.over) this.streaming.end()
    } else if (ids.length > 1) {
      this.held ??= []
      this.held.push({ place, text })
      if (this.over) this.json(`[${this.held.map((each) => each.text).join(',')}]`)
    } else this.json(this.options.batch ? `[${text}]` : text)
  }

  private json(body: string): void {
    const isLarge = body.length >= PACED_LENGTH
    this.replyWith({
      kind: 'json',
      body: isLarge ? createPacedBody(this.shared.clock, Buffer.from(body)) : body,
    })
  }

  /** The stream that the reply is from now on; undefined when there is no reply any more. */
  private open(): CallStream | undefined {
    if (this.replied) return this.streaming
    const { client, ids, holder, streams } = this.options
    if (client?.signal.aborted) {
      this.over = true
      this.replyWith({ kind: 'gone' })
      return undefined
    }
    const stream = streams.open(ids, holder)
    this.streaming = stream
    for (const { place, text } of this.held ?? []) stream.answer(ids[place] ?? 'null', text)
    this.held = undefined
    this.replyWith({ kind: 'stream', body: stream.reader.body })
    return stream
  }

  private replyWith(reply: ExchangeReply): void {
    this.shared.silences.remove(this)
    this.replied = true
    this.resolve(reply)
  }
}
