import { type Cancel, type Clock, SECOND_MS } from '../clock.ts'
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
export interface Call {
  readonly childId: number
  readonly method: string
  /** JSON source of the id under which the caller knows it. */
  readonly idText: string
  /** JSON source of the caller's progress token; undefined when it asked for no progress. */
  readonly progressToken: string | undefined
  /** Undefined once the caller has its answer and only the child's is outstanding. */
  readonly sink: CallSink | undefined
}

interface Entry extends Call {
  readonly clientKey: string | undefined
  sink: CallSink | undefined
  late: boolean
  cancelTimer: Cancel
}

/** The unanswered calls of one child. Child ids are small integers and are never used twice. */
export interface Calls {
  open(request: RpcRequest, sink: CallSink): Call
  get(childId: unknown): Call | undefined
  /** The child has answered, or will never be asked: returns where that goes, if anyone still waits. */
  close(call: Call): CallSink | undefined
  /** What can be done about a call; `cancel` does the first of it. */
  handle(call: Call, cancel: (reason: string) => void): OpenCall
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

/** @param expired called when the deadline of an unanswered call passes, whether or not its caller still waits */
export function createCalls(clock: Clock, timeoutMs: number, expired: (call: Call) => void): Calls {
  const entries = new Map<number, Entry>()
  let lastId = 0
  let late = 0

  const expire = (entry: Entry): void => {
    if (!entry.late) late++
    entry.late = true
    expired(entry)
  }

  const forget = (entry: Entry): void => {
    entries.delete(entry.childId)
    entry.cancelTimer()
    if (entry.late) late--
  }

  const answerWithError = (entry: Entry, reason: string, text: string): void => {
    const { sink, idText } = entry
    entry.sink = undefined
    sink?.end(errorText(idText, RPC.internalError, text, { reason }))
  }

  const waiting = (): Entry[] => [...entries.values()].filter(({ sink }) => sink !== undefined)

  return {
    open(request, sink) {
      const childId = ++lastId
      const entry: Entry = {
        childId,
        method: request.method,
        idText: request.idText,
        clientKey: clientKey(request),
        progressToken: tokenOf(request),
        sink,
        late: false,
        cancelTimer: clock.after(timeoutMs, () => expire(entry)),
      }
      entries.set(childId, entry)
      return entry
    },
    get: (childId) => (typeof childId === 'number' ? entries.get(childId) : undefined),
    close(call) {
      const entry = entries.get(call.childId)
      if (entry === undefined) return undefined
      forget(entry)
      const { sink } = entry
      entry.sink = undefined
      return sink
    },
    handle: (call, cancel) => ({
      cancel,
      forget(reason) {
        cancel(reason)
        const entry = entries.get(call.childId)
        if (entry !== undefined) forget(entry)
      },
      pause: () => entries.get(call.childId)?.cancelTimer(),
      resume() {
        const entry = entries.get(call.childId)
        if (entry === undefined) return
        entry.cancelTimer()
        entry.cancelTimer = clock.after(timeoutMs, () => expire(entry))
      },
    }),
    refuse(call, reason, text) {
      const entry = entries.get(call.childId)
      if (entry !== undefined) answerWithError(entry, reason, text)
    },
    fail(reason, text) {
      const all = [...entries.values()]
      for (const entry of all) forget(entry)
      for (const entry of all) answerWithError(entry, reason, text)
    },
    waiting,
    named(requestId) {
      const key = idKey(requestId)
      return waiting().filter(({ clientKey }) => key !== undefined && clientKey === key)
    },
    get unanswered() {
      return [...entries.values()]
    },
    get size() {
      return entries.size
    },
    get late() {
      return late
    },
  }
}

function tokenOf({ params }: RpcRequest): string | undefined {
  const meta = params?._meta as { progressToken?: unknown } | undefined
  const token = meta?.progressToken
  return token === undefined ? undefined : JSON.stringify(token)
}

/** The id's key; an unsafe number was rounded, so its source counts. */
const clientKey = ({ id, idText }: RpcRequest): string | undefined =>
  typeof id === 'number' && !Number.isSafeInteger(id) ? `n${idText}` : idKey(id)

/** What a caller is told whose deadline has passed. */
export const timeoutText = (timeoutMs: number): string =>
  `The call took longer than ${Math.round(timeoutMs / SECOND_MS)} s`
