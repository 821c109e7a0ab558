import { type Clock, SECOND_MS } from '../clock.ts'
import { Deadlines, type Due } from '../deadlines.ts'
import { RPC } from '../errors.ts'
import { idKey } from './exact.ts'
import { errorText, type RpcRequest } from './rpc.ts'

/** Where the answer to a call goes. The texts are whole JSON-RPC messages for the client, with the client's ids. */
export interface CallSink {
  /** Something that the child says before the answer; `false` when nobody can hear it any more. */
  message(text: string): unknown
  /** The answer; nothing comes after it. */
  end(text: string): void
}

/** A request that was sent to the child. */
export interface OpenCall {
  /** Answers the caller with an error and tells the child to stop. */
  cancel(reason: string): void
  /** The same for a child that owes no answer to what was cancelled: it is not counted as hung for want of one. */
  forget(reason: string): void
  /** Stops the call's deadline while the child waits for the client. */
  pause(): void
  /** Starts the deadline anew. */
  resume(): void
}

/** What is left of a call that had its answer at once. */
export const NEVER_SENT: OpenCall = { cancel() {}, forget() {}, pause() {}, resume() {} }

/** A call that the child has not answered. */
export interface Call extends OpenCall {
  readonly childId: number
  readonly method: string
  /** JSON source of the id under which the caller knows it. */
  readonly idText: string
  /** JSON source of the caller's progress token; undefined when it asked for no progress. */
  readonly progressToken: string | undefined
  /** Undefined once the caller has its answer and only the child's is outstanding. */
  readonly sink: CallSink | undefined
}

/** What a child has before it, in calls. */
export interface Load {
  /** Those whose caller waits. */
  readonly inFlight: number
  /** Those that it has not answered, whether or not somebody waits. */
  readonly owed: number
  /** Those that it has left unanswered past their deadline, whether or not somebody gave up on them before. */
  readonly stuck: number
}

/** The unanswered calls of one child. Child ids are small integers and are never used twice. */
export interface Calls {
  open(request: RpcRequest, sink: CallSink): Call
  get(childId: unknown): Call | undefined
  /** Whether a call had that id, and nothing is awaited of it any more. */
  isOver(childId: unknown): boolean
  /** The child has answered, or will never be asked: returns where that goes, if anyone still waits. */
  close(call: Call): CallSink | undefined
  /** Gives the caller an error with `data.reason`; the child's answer is awaited, and will be dropped. */
  refuse(call: Call, reason: string, text: string): void
  /** Gives every caller that waits an error with `data.reason`, and forgets all calls. */
  fail(reason: string, text: string): void
  /** The calls whose caller waits, oldest first. */
  waiting(): Call[]
  /** Those of them that a `requestId`, as parsed, may mean; a string never means a number. */
  named(requestId: unknown): Call[]
  /** All calls, also those whose caller has given up. */
  readonly unanswered: readonly Call[]
  /** How many those are. */
  readonly size: number
  /** Calls that the child has left unanswered past their deadline. */
  readonly late: number
}

export interface CallsOptions {
  clock: Clock
  timeoutMs: number
  /** Called when the deadline of an unanswered call passes, whether or not its caller still waits. */
  expired(call: Call): void
  /** Called when a caller does not want its answer any more. */
  cancelled(call: Call, reason: string): void
  /** Called with every error that a caller gets, before it gets it. */
  failed(text: string): void
}

/** What the calls of one child have in common. */
interface Ledger {
  readonly options: CallsOptions
  readonly entries: Map<number, Entry>
  readonly deadlines: Deadlines
  late: number
}

/** All that is known of one call and can be done about it. */
class Entry implements Call, Due {
  readonly method: string
  readonly idText: string
  readonly progressToken: string | undefined
  sink: CallSink | undefined
  private readonly clientId: string | number
  private readonly ledger: Ledger
  private late = false
  due = 0
  before: Due | undefined = undefined
  after: Due | undefined = undefined

  constructor(
    readonly childId: number,
    request: RpcRequest,
    sink: CallSink,
    ledger: Ledger,
  ) {
    this.method = request.method
    this.idText = request.idText
    this.progressToken = tokenOf(request)
    this.sink = sink
    this.clientId = request.id
    this.ledger = ledger
    ledger.deadlines.add(this)
  }

  cancel(reason: string): void {
    this.ledger.options.cancelled(this, reason)
  }

  forget(reason: string): void {
    this.cancel(reason)
    if (this.ledger.entries.has(this.childId)) this.remove()
  }

  pause(): void {
    this.ledger.deadlines.remove(this)
  }

  resume(): void {
    if (!this.ledger.entries.has(this.childId)) return
    this.ledger.deadlines.remove(this)
    this.ledger.deadlines.add(this)
  }

  remove(): void {
    this.ledger.entries.delete(this.childId)
    this.ledger.deadlines.remove(this)
    if (this.late) this.ledger.late--
  }

  fail(reason: string, text: string): void {
    const { sink } = this
    if (sink === undefined) return
    this.sink = undefined
    const error = errorText(this.idText, RPC.internalError, text, { reason })
    this.ledger.options.failed(error)
    sink.end(error)
  }

  isNamed(key: string | undefined): boolean {
    return key !== undefined && clientKey(this.clientId, this.idText) === key
  }

  expire(): void {
    if (!this.late) this.ledger.late++
    this.late = true
    this.ledger.options.expired(this)
  }
}

/** No calls yet. */
export function createCalls(options: CallsOptions): Calls {
  const entries = new Map<number, Entry>()
  const deadlines = new Deadlines(options.clock, options.timeoutMs)
  const ledger: Ledger = { options, entries, deadlines, late: 0 }
  let lastId = 0

  const waiting = (): Entry[] => [...entries.values()].filter(({ sink }) => sink !== undefined)

  return {
    open(request, sink) {
      const entry = new Entry(++lastId, request, sink, ledger)
      entries.set(entry.childId, entry)
      return entry
    },
    get: (childId) => (typeof childId === 'number' ? entries.get(childId) : undefined),
    isOver: (childId) =>
      Number.isInteger(childId) &&
      Number(childId) >= 1 &&
      Number(childId) <= lastId &&
      !entries.has(Number(childId)),
    close(call) {
      const entry = entries.get(call.childId)
      if (entry === undefined) return undefined
      entry.remove()
      const { sink } = entry
      entry.sink = undefined
      return sink
    },
    refuse(call, reason, text) {
      entries.get(call.childId)?.fail(reason, text)
    },
    fail(reason, text) {
      const all = [...entries.values()]
      for (const entry of all) entry.remove()
      // The child is over, most likely; its timer would keep all that belongs to it.
      deadlines.rest()
      for (const entry of all) entry.fail(reason, text)
    },
    waiting,
    named(requestId) {
      const key = idKey(requestId)
      return waiting().filter((entry) => entry.isNamed(key))
    },
    get unanswered() {
      return [...entries.values()]
    },
    get size() {
      return entries.size
    },
    get late() {
      return ledger.late
    },
  }
}

function tokenOf({ params }: RpcRequest): string | undefined {
  const meta = params?._meta as { progressToken?: unknown } | undefined
  const token = meta?.progressToken
  return token === undefined ? undefined : JSON.stringify(token)
}

/** The id's key; an unsafe number was rounded, so its source counts. */
const clientKey = (id: string | number, idText: string): string | undefined =>
  typeof id === 'number' && !Number.isSafeInteger(id) ? `n${idText}` : idKey(id)

/** What a caller is told whose deadline has passed. */
export const timeoutText = (timeoutMs: number): string =>
  `The call took longer than ${Math.round(timeoutMs / SECOND_MS)} s`
