import { ok, type Result, type Soon } from '../result.ts'
import type { StartReason } from './launch.ts'
import type { LiveChild, StopCause } from './live.ts'
import { notFound, type Refusal, refuse } from './refusal.ts'
import { next, type SeatEvent, type SeatState } from './state.ts'

/** How often one request tries again when its child is gone between the wake and the call. */
const MAX_TRIES = 3

/** What a client is told to wait when children end as soon as they are up, in ms. */
const FLAPPING_RETRY_MS = 2_000

export interface SeatDeps {
  /** Starts a child and replays the handshake; `spawned` is told of its process as soon as there is one. */
  start(
    reason: StartReason,
    spawned: (child: LiveChild) => void,
  ): Promise<Result<LiveChild, Refusal>>
  /** What the callers of this seat may do, and so its child. */
  scopes: readonly string[]
  /** Told when a child was put to sleep. */
  slept(): void
  /** Whether a child's credential has been overtaken. */
  outdated(child: LiveChild): boolean
  /** How long a replaced child may go on with what is in flight, in ms. */
  drainMs: number
  /** Told of events that did not fit the state. */
  refused(event: string, reason: string): void
}

/** Whether a child does new calls no good while another one can be had. */
const isUnfit = (child: LiveChild): boolean => child.wedged || child.rejected

/** The place for the one child that serves one session under one set of scopes. */
export class Seat {
  #state: SeatState<LiveChild> = { phase: 'asleep' }
  /** The start in progress; whoever needs a child waits for this one. */
  #start: Promise<Result<LiveChild, Refusal>> | undefined
  /** The process of the start in progress. */
  #spawned: LiveChild | undefined
  /** Children that get no more calls and finish what is in flight. */
  readonly #retired = new Set<LiveChild>()
  /** The end of the child that was put to sleep: the next one starts after it. */
  #leaving: Promise<void> = Promise.resolve()
  /** Requests between asking for the child and having called it. */
  #waiting = 0

  constructor(private readonly deps: SeatDeps) {}

  get scopes(): readonly string[] {
    return this.deps.scopes
  }

  get phase(): SeatState<LiveChild>['phase'] {
    return this.#state.phase
  }

  /** The child that new calls go to, if there is one. */
  get current(): LiveChild | undefined {
    return 'child' in this.#state ? this.#state.child : undefined
  }

  /** The child that can be called without waiting for anything; undefined when there is none. */
  get #fit(): LiveChild | undefined {
    if (this.#state.phase !== 'awake') return undefined
    const { child } = this.#state
    return child.doubted || isUnfit(child) || child.over !== undefined ? undefined : child
  }

  /** Every child that serves calls: the current one and those that finish theirs. */
  get children(): LiveChild[] {
    return [...(this.current ? [this.current] : []), ...this.#retired]
  }

  /** Since when nothing has needed the child (epoch ms); undefined while it is in use or there is none. */
  get idleSince(): number | undefined {
    if (this.#state.phase !== 'awake' || this.#waiting > 0 || this.#retired.size > 0)
      return undefined
    const { child } = this.#state
    return child.inFlight === 0 ? child.lastUsedAt : undefined
  }

  /** Whether nothing here needs the session to stay in memory. */
  get empty(): boolean {
    return this.#state.phase === 'asleep' && this.#waiting === 0 && this.#retired.size === 0
  }

  /** Takes the child that answered the client's own `initialize`. */
  adopt(child: LiveChild): void {
    this.#go({ event: 'wake' })
    this.#install(child)
  }

  /** Calls `work` with a child that is ready, waking one if need be; the child cannot be put to sleep in between. */
  use<T>(work: (child: LiveChild) => T): Soon<Result<T, Refusal>> {
    const fit = this.#fit
    return fit ? ok(work(fit)) : this.#useNext(work)
  }

  async #useNext<T>(work: (child: LiveChild) => T): Promise<Result<T, Refusal>> {
    this.#waiting++
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const ready = await this.#ready()
        if (!ready.ok) return ready
        if (ready.value.over === undefined) return ok(work(ready.value))
        // It takes no more, and most likely has gone; a stop ends in bounded time.
        await ready.value.stop('replaced')
      }
      return refuse('start-failed', 'the child ends as soon as it is started', FLAPPING_RETRY_MS)
    } finally {
      this.#waiting--
    }
  }

  /** Starts a successor, routes new calls to it and lets the present child finish. Without a child it does nothing. */
  async replace(reason: 'renewal' | 'stuck'): Promise<Result<LiveChild, Refusal> | undefined> {
    const { refused } = this.#go({ event: 'replace' })
    if (refused !== undefined) return undefined
    return this.#start ?? this.#begin(reason)
  }

  /**
   * Replaces a child that is hung or whose credential has been overtaken or refused. A start that fails leaves it
   * where it is. One that is being started is looked at when it is ready.
   */
  mend(): void {
    const { current, phase } = this
    if (phase === 'asleep' || phase === 'closed') return
    if (phase === 'awake' && current && !isUnfit(current) && !this.deps.outdated(current)) return
    this.replace(current?.wedged ? 'stuck' : 'renewal').catch(() => {})
  }

  /** Puts the child to sleep. What is in flight gets `drainMs` to finish; new calls wait for the next child. */
  async sleep(drainMs = 0): Promise<void> {
    const { current } = this
    const { refused } = this.#go({ event: 'sleep' })
    if (refused === undefined && current) {
      this.deps.slept()
      this.#leaving = this.#retire(current, drainMs, 'slept')
    }
    await this.#leaving
  }

  /** Ends the seat for good: fails what is in flight, stops every child. Resolves when they are gone. */
  async close(): Promise<void> {
    const children = this.children
    this.#go({ event: 'close', reason: 'the session has ended' })
    if (this.#spawned) children.push(this.#spawned)
    await Promise.all(children.map((child) => child.stop('session-ended')))
  }

  /** A ready child, or why there is none. */
  async #ready(): Promise<Result<LiveChild, Refusal>> {
    const state = this.#state
    switch (state.phase) {
      case 'closed':
        return notFound()
      case 'asleep':
        this.#go({ event: 'wake' })
        return this.#begin('wake')
      case 'waking':
        return this.#start ?? notFound()
      case 'awake':
      case 'replacing': {
        const { child } = state
        if (child.doubted) {
          await child.doubted
          // What came of it may have changed everything.
          return this.#ready()
        }
        if (!isUnfit(child)) return ok(child)
        const successor =
          state.phase === 'replacing'
            ? await this.#start
            : await this.replace(child.wedged ? 'stuck' : 'renewal')
        return successor?.ok ? successor : ok(child)
      }
    }
  }

  #begin(reason: StartReason): Promise<Result<LiveChild, Refusal>> {
    const start = this.#run(reason).catch((error: unknown) => {
      this.#start = undefined
      this.#spawned = undefined
      this.#go({ event: 'start-failed' })
      throw error
    })
    this.#start = start
    return start
  }

  async #run(reason: StartReason): Promise<Result<LiveChild, Refusal>> {
    await this.#leaving
    if (this.phase === 'closed') return notFound()
    const started = await this.deps.start(reason, (child) => {
      this.#spawned = child
      if (this.#state.phase === 'closed') void child.stop('session-ended')
    })
    this.#start = undefined
    this.#spawned = undefined
    if (!started.ok) {
      this.#go({ event: 'start-failed' })
      return this.#state.phase === 'closed' ? notFound() : started
    }
    return this.#install(started.value) ? started : notFound()
  }

  /** Makes a started child the current one and retires its predecessor; false when the seat was closed meanwhile. */
  #install(child: LiveChild): boolean {
    const before = this.#state
    const { refused } = this.#go({ event: 'started', child })
    if (refused !== undefined) {
      void child.stop('session-ended')
      return false
    }
    // Only the child it watches is reported: a predecessor's end finds another one in its place.
    void child.gone.then(() => this.#go({ event: 'exited', child }))
    if (before.phase === 'replacing') void this.#retire(before.child, this.deps.drainMs, 'replaced')
    if ('outdated' in before && before.outdated) this.mend()
    return true
  }

  async #retire(child: LiveChild, drainMs: number, cause: StopCause): Promise<void> {
    this.#retired.add(child)
    await child.drain(drainMs)
    await child.stop(cause)
    this.#retired.delete(child)
  }

  #go(event: SeatEvent<LiveChild>) {
    const step = next(this.#state, event)
    this.#state = step.state
    if (step.refused !== undefined && event.event !== 'exited')
      this.deps.refused(event.event, step.refused)
    return step
  }
}
