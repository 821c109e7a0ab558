import type { Clock } from '../clock.ts'
import { RPC } from '../errors.ts'
import { createAsks } from './asks.ts'
import {
  type Call,
  type CallSink,
  createCalls,
  type Load,
  NEVER_SENT,
  type OpenCall,
  timeoutText,
} from './calls.ts'
import { type ChildMessage, cancelled, readLine } from './child-line.ts'
import { NOTIFICATIONS, REQUESTS, SUBSCRIPTION } from './methods.ts'
import { failOversize } from './oversize.ts'
import { rebuildNotification, rebuildRequest, rebuildResponse } from './rebuild.ts'
import {
  errorText,
  isObject,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
  resultText,
} from './rpc.ts'
import { sourceAt, splice, withId } from './splice.ts'

/** The way to a child: one line of JSON at a time. */
export interface Channel {
  /** False when the child is gone, or so far behind that it takes no more. */
  send(line: string): boolean
}

/** Calls that one child may leave unanswered; more are refused. */
const MAX_UNANSWERED = 1024

/** Why open calls end without the child's answer: `data.reason` of the error that the callers get. */
export type FailReason = 'child-died' | 'stopped'

/** Routes JSON-RPC between many callers and one child. Ids, progress tokens and cancellations are kept apart per call. */
export interface Bridge extends Load {
  /**
   * Sends a request to the child. The sink gets the answer, or -32603 with `data.reason`: `timeout`, `cancelled`,
   * `unavailable` (the child takes nothing), `line-too-long`, or what `fail` says. An unknown method is -32601 at once.
   * @param known the members of `params` that the child knows: those of the legacy revisions unless said otherwise
   */
  call(request: RpcRequest, sink: CallSink, known?: readonly string[]): OpenCall
  /** Passes a client's notification on. A cancellation goes to the one open call with that id, else nowhere. */
  notify(notification: RpcNotification): void
  /** Passes a client's answer on to the child that asked; false when this child asked nothing under that id. */
  answer(response: RpcResponse): boolean
  /** Takes a line of the child in; `value` is what it says, if that is known. False when it is no JSON. */
  receive(line: string, value?: unknown): boolean
  /** Takes in how a line of the child begins that is too long to keep: fails the calls that may wait for it. */
  oversize(head: string): void
  /** The child is gone: ends every open call with an error, and tells the client that its questions need no answer. */
  fail(reason: FailReason, text: string): void
  /** How many open calls a client's `requestId`, as parsed, names. */
  named(requestId: unknown): number
  /** Messages of the child that belong to nothing: late answers, unknown ids, no JSON-RPC. */
  readonly dropped: number
}

export interface BridgeOptions {
  channel: Channel
  clock: Clock
  callTimeoutMs: number
  /**
   * Gets what the child says about no call, unless there is exactly one open call and its caller can hear it.
   * @param open where the open calls' answers go, oldest first
   */
  unsolicited(text: string, open: readonly CallSink[]): void
  /** Removes secrets and the relay's addresses from what the child says. */
  clean(text: string): string
  /** Told of what a caller is about to get, once for each call. */
  settled?(outcome: 'result' | 'error', text: string): void
  /** Ids for the child's requests to the client: of the session, so that they do not repeat when the child changes. */
  idsFrom: () => number
}

/** A bridge over a channel to one child. */
export function createBridge(options: BridgeOptions): Bridge {
  const { channel, clock, callTimeoutMs, unsolicited, clean } = options
  const { settled = () => {} } = options
  const calls = createCalls({
    clock,
    timeoutMs: callTimeoutMs,
    expired: (call) => abandon(call, 'timeout', timeoutText(callTimeoutMs)),
    cancelled: (call, reason) => abandon(call, 'cancelled', reason),
    failed: (text) => settled('error', text),
  })
  const asks = createAsks(options.idsFrom)
  let dropped = 0

  /** The caller is answered now, and the child told to stop; what it still says about the call is dropped. */
  function abandon(call: Call, reason: string, text: string): void {
    if (call.sink === undefined) return
    calls.refuse(call, reason, text)
    // 2025-11-25/basic/utilities/cancellation: initialize must not be cancelled.
    if (call.method === 'initialize') return
    channel.send(cancelled(call.childId, text))
  }

  function cancelByClient(notification: RpcNotification): void {
    const { requestId, reason } = notification.params ?? {}
    const [call, another] = calls.named(requestId)
    if (call === undefined || another !== undefined) return
    abandon(
      call,
      'cancelled',
      typeof reason === 'string' ? reason : 'The client cancelled the call',
    )
  }

  /** What a stateless child says on a subscription belongs to the call that opened it. */
  function onSubscribed(line: string, params: unknown): boolean {
    const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
    const call = calls.get(meta[SUBSCRIPTION])
    call?.sink?.message(splice(line, ['params', '_meta', SUBSCRIPTION], call.idText))
    return call !== undefined
  }

  /** Says something that concerns no particular call. */
  function tell(text: string): void {
    const open = calls.waiting().flatMap(({ sink }) => (sink === undefined ? [] : [sink]))
    const [only] = open
    const heard = open.length === 1 && only?.message(text) !== false
    if (!heard) unsolicited(text, open)
  }

  /**
   * An error without an id is what forgejo-mcp makes of a panic in a worker. It is given to the call that waits
   * when no other can be meant; otherwise the calls wait for their deadline.
   */
  function callAnswered(id: unknown, failed: boolean): Call | undefined {
    if (id !== null && id !== undefined) return calls.get(id)
    const [only, another] = calls.unanswered
    return failed && another === undefined ? only : undefined
  }

  function onAnswer({ text: line, id }: ChildMessage, message: Record<string, unknown>): void {
    const failed = 'error' in message
    const call = failed || 'result' in message ? callAnswered(message.id, failed) : undefined
    const sink = call && calls.close(call)
    if (call === undefined || sink === undefined) {
      dropped++
      return
    }
    const { idText } = call
    const text =
      'id' in message ? withId(line, idText, id) : `{"id":${idText},${line.trim().slice(1)}`
    settled(failed ? 'error' : 'result', text)
    sink.end(text)
  }

  function onProgress(line: string, params: unknown): void {
    const call = isObject(params) ? calls.get(params.progressToken) : undefined
    if (call?.sink === undefined || call.progressToken === undefined) dropped++
    else call.sink.message(splice(line, ['params', 'progressToken'], call.progressToken))
  }

  function onWithdrawn(line: string, params: unknown): void {
    const clientId = isObject(params) ? asks.withdraw(params.requestId) : undefined
    if (clientId === undefined) dropped++
    else tell(splice(line, ['params', 'requestId'], String(clientId)))
  }

  function onAsk(line: string, message: Record<string, unknown>): void {
    const idText = sourceAt(line, ['id']) ?? 'null'
    if (message.method === 'ping') {
      channel.send(resultText(idText, {}))
      return
    }
    const clientId = asks.add(message.id, idText)
    if (clientId !== undefined) tell(withId(line, String(clientId)))
    else channel.send(errorText(idText, RPC.internalError, 'Too many requests wait for the client'))
  }

  function onMessage(said: ChildMessage): void {
    const { text: line, value: message } = said
    if (!isObject(message)) dropped++
    else if (typeof message.method !== 'string') onAnswer(said, message)
    else if ('id' in message) onAsk(line, message)
    else if (message.method === 'notifications/progress') onProgress(line, message.params)
    else if (message.method === 'notifications/cancelled') onWithdrawn(line, message.params)
    else if (!onSubscribed(line, message.params)) tell(line)
  }

  /** What the child is not asked has its answer at once. */
  function refuse(sink: CallSink, text: string): OpenCall {
    settled('error', text)
    sink.end(text)
    return NEVER_SENT
  }

  return {
    call(request, sink, known = REQUESTS.get(request.method)) {
      const { idText } = request
      if (known === undefined)
        return refuse(sink, errorText(idText, RPC.methodNotFound, 'Method not found'))
      if (calls.size >= MAX_UNANSWERED) {
        const reason = { reason: 'unavailable' }
        return refuse(sink, errorText(idText, RPC.internalError, 'Too many calls are open', reason))
      }
      const call = calls.open(request, sink)
      const progressToken = call.progressToken === undefined ? undefined : call.childId
      if (!channel.send(rebuildRequest(request, call.childId, known, progressToken))) {
        calls.refuse(call, 'unavailable', 'The child process takes no more requests')
        calls.close(call)
      }
      return call
    },
    notify(notification) {
      if (notification.method === 'notifications/cancelled') cancelByClient(notification)
      else if (NOTIFICATIONS.has(notification.method)) {
        channel.send(rebuildNotification(notification))
      }
    },
    answer(response) {
      const idText = asks.take(response.id)
      return idText !== undefined && channel.send(rebuildResponse(response, idText))
    },
    receive(raw, value) {
      const line = clean(raw)
      const messages = readLine(line, line === raw ? value : undefined)
      if (messages === undefined) dropped++
      else for (const message of messages) onMessage(message)
      return messages !== undefined
    },
    oversize(head) {
      if (!failOversize(calls, head)) dropped++
    },
    fail(reason, text) {
      for (const requestId of asks.clear()) tell(cancelled(requestId, text))
      calls.fail(reason, text)
    },
    named: (requestId) => calls.named(requestId).length,
    get inFlight() {
      return calls.waiting().length
    },
    get owed() {
      return calls.size
    },
    get stuck() {
      return calls.late
    },
    get dropped() {
      return dropped
    },
  }
}
