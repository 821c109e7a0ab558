import type { TokenHash } from '../crypto.ts'
import type { Log } from '../log.ts'
import type { CallSink } from '../mcp/calls.ts'
import { clientName } from '../mcp/client-info.ts'
import type { Reader } from '../mcp/reader.ts'
import type { Allowance } from '../mcp/ring.ts'
import type { Params, RpcNotification, RpcRequest, RpcResponse } from '../mcp/rpc.ts'
import type { SessionStreams } from '../mcp/streams.ts'
import { ok, type Result, type Soon } from '../result.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow, SessionUse } from '../store/sessions.ts'
import { createAskIds } from './ask-ids.ts'
import type { LiveChild } from './live.ts'
import { remembering } from './memory.ts'
import { notFound, type Refusal, stopping } from './refusal.ts'
import { createScopeKey } from './scope-key.ts'
import type { Seat } from './seat.ts'
import { createSeat, type SeatingDeps } from './seating.ts'
import { createRowStreams } from './streams.ts'
import type { Usage } from './usage.ts'

/** A session as the HTTP side sees it. */
export interface Session {
  readonly hash: TokenHash
  readonly protocolVersion: string
  /** What its client calls itself; undefined when it did not say. */
  readonly clientName: string | undefined
  readonly streams: SessionStreams
  /** Hands a request to the caller's child, waking it first if need be; the sink gets exactly one `end`. */
  request(
    caller: Caller,
    message: RpcRequest,
    sink: CallSink,
  ): Soon<Result<{ cancel(reason: string): void }, Refusal>>
  /** Passes a notification on. A sleeping session is not woken: its next child is told what matters. */
  notify(caller: Caller, message: RpcNotification): Promise<Result<void, Refusal>>
  /**
   * Opens an event stream for what belongs to no call, or goes on with the one that an event id names; undefined when
   * that one has nothing more to tell. It counts as use of the session, but never wakes it.
   */
  listen(caller: Caller, lastEventId?: string): Result<Reader | undefined, Refusal>
  /** Passes an answer on to the child that asked; one that nobody waits for goes nowhere. */
  answer(caller: Caller, message: RpcResponse): Promise<Result<void, Refusal>>
}

export interface SessionDeps extends SeatingDeps {
  log: Log
  usage: Usage
  /** What the event streams of all sessions may keep. */
  allowance: Allowance
  /** The copy of a session that counts now; undefined when it has ended. */
  again(hash: TokenHash): LiveSession | undefined
}

/** A living session: its row, and one seat for each set of scopes that its callers have. */
export class LiveSession implements Session {
  /** When somebody last asked for it, epoch ms. */
  foundAt: number
  /** The next id for a question of a child to the client. */
  readonly nextAsk: () => number
  readonly #streams: SessionStreams
  readonly #seats = new Map<string, Seat>()
  readonly #key = createScopeKey()
  readonly #use = (): SessionUse => {
    const { lastUsedAt, calls, nextStream } = this.row
    return { lastUsedAt, calls, nextStream }
  }
  readonly #log: Log
  /** What its client calls itself, once somebody has asked: the parameters may be long. */
  #said: { name: string | undefined } | undefined
  #ended = false
  #dropped = false

  constructor(
    readonly row: SessionRow,
    private readonly deps: SessionDeps,
  ) {
    this.#log = deps.log.with({ session: row.idHash.slice(0, 12), account: row.accountId })
    this.foundAt = deps.clock.now()
    this.#streams = createRowStreams(row, {
      ...deps,
      log: this.#log,
      reserved: () => {
        deps.store.sessions.used(this.hash, this.#use())
        deps.usage.note(this.hash, this.#use)
      },
    })
    this.nextAsk = createAskIds(deps.clock)
  }

  get hash(): TokenHash {
    return this.row.idHash
  }

  get protocolVersion(): string {
    return this.row.protocolVersion
  }

  get clientName(): string | undefined {
    this.#said ??= { name: clientName(JSON.parse(this.row.initializeParams) as Params) }
    return this.#said.name
  }

  get streams(): SessionStreams {
    const here = this.#here() ?? this
    return here.#streams
  }

  get seats(): Iterable<Seat> {
    return this.#seats.values()
  }

  /** Gives the session the child that answered its `initialize`. */
  adopt(scopes: readonly string[], child: LiveChild): void {
    this.#seat(scopes).adopt(child)
  }

  request(
    caller: Caller,
    message: RpcRequest,
    sink: CallSink,
  ): Soon<Result<{ cancel(reason: string): void }, Refusal>> {
    const here = this.#here()
    if (!here) return notFound()
    if (here !== this) return here.request(caller, message, sink)
    if (this.deps.launcher.closed) return stopping()
    this.row.calls++
    this.#touch()
    const watched = remembering(message, sink, this.row, this.#remember)
    return this.#seat(caller.scopes).use((child) => child.call(message, watched))
  }

  async notify(caller: Caller, message: RpcNotification): Promise<Result<void, Refusal>> {
    const here = this.#here()
    if (!here) return notFound()
    if (here !== this) return here.notify(caller, message)
    this.#touch()
    if (message.method === 'notifications/initialized') await this.#initialized()
    else if (message.method === 'notifications/cancelled') this.#cancel(message)
    else this.#seats.get(this.#key(caller.scopes))?.current?.notify(message)
    return ok(undefined)
  }

  async answer(caller: Caller, message: RpcResponse): Promise<Result<void, Refusal>> {
    const here = this.#here()
    if (!here) return notFound()
    if (here !== this) return here.answer(caller, message)
    this.#touch()
    for (const child of this.#children()) if (child.answer(message)) break
    return ok(undefined)
  }

  listen(caller: Caller, lastEventId?: string): Result<Reader | undefined, Refusal> {
    const here = this.#here()
    if (!here) return notFound()
    if (here !== this) return here.listen(caller, lastEventId)
    this.#touch()
    if (lastEventId === undefined) return ok(this.#streams.listen(caller))
    return ok(this.#streams.resume(lastEventId, caller))
  }

  /**
   * Takes what a child says about no call: to the newest stream that listens, else to the oldest call that can carry
   * it, else to a listener who is away.
   */
  unsolicited(text: string, open: readonly CallSink[]): void {
    const told =
      this.#streams.tell(text) ||
      open.some((sink) => sink.message(text) !== false) ||
      this.#streams.keep(text)
    if (!told) this.#log.debug('message of a child had nowhere to go')
  }

  /** Whether it has a child, or is about to. */
  get awake(): boolean {
    return [...this.#seats.values()].some((seat) => !seat.empty)
  }

  /** Forgets seats that nobody uses and streams that nobody came back for; returns whether the session needs to stay in memory. */
  tidy(): boolean {
    for (const [key, seat] of this.#seats) if (seat.empty) this.#seats.delete(key)
    const streaming = this.#streams.tidy()
    return this.#seats.size > 0 || streaming
  }

  /** Passes everything on to the next copy, which is made from the row: never may two of them start children. */
  drop(): void {
    this.#dropped = true
  }

  /** Ends it for good: every further request is `not-found`. Resolves when its children are gone. */
  async close(): Promise<void> {
    this.#ended = true
    const closed = [...this.#seats.values()].map((seat) => seat.close())
    // The calls in flight have their errors now.
    this.#streams.close()
    await Promise.all(closed)
  }

  #seat(scopes: readonly string[]): Seat {
    const key = this.#key(scopes)
    const known = this.#seats.get(key)
    if (known) return known
    const seat = createSeat(this, scopes, this.deps, this.#log)
    this.#seats.set(key, seat)
    return seat
  }

  /** The copy of this session that serves it; undefined when it has ended. */
  #here(): LiveSession | undefined {
    if (this.#ended) return undefined
    return this.#dropped ? this.deps.again(this.hash) : this
  }

  #children(): LiveChild[] {
    return [...this.#seats.values()].flatMap((seat) => seat.children)
  }

  /** The row is told first: a child that starts meanwhile either reads it there or is told here. */
  async #initialized(): Promise<void> {
    if (!this.row.initialized) this.#remember({ initialized: true })
    const awake = [...this.#seats.values()].filter(({ phase }) => phase !== 'asleep')
    await Promise.all(awake.map((seat) => seat.use((child) => child.sayInitialized())))
  }

  /** A call may still run on a child that was replaced; an id that names several calls names none. */
  #cancel(message: RpcNotification): void {
    const named = this.#children()
      .map((child) => ({ child, calls: child.named(message.params?.requestId) }))
      .filter(({ calls }) => calls > 0)
    if (named.length === 1 && named[0]?.calls === 1) named[0].child.notify(message)
  }

  /** Keeps what the next child must be told. If the store takes no write now, that is known until a restart only. */
  readonly #remember = (told: Parameters<Store['sessions']['remember']>[1]): void => {
    Object.assign(this.row, told)
    try {
      this.deps.store.sessions.remember(this.hash, told)
    } catch (error) {
      this.#log.warn('what a session was told could not be written', { error })
    }
  }

  #touch(): void {
    this.row.lastUsedAt = this.deps.clock.now()
    this.deps.usage.note(this.hash, this.#use)
  }
}
