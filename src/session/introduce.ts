import { type Clock, SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import type { InitializeAnswer } from './handshake.ts'
import type { LiveChild } from './live.ts'

/** How long a child may take from spawn to its answer to `initialize`, and how long its access may take. */
export const START_TIMEOUT_MS = 15 * SECOND_MS

/** How long a child may take to say that it knows no stateless revision, in ms: some that do not never answer. */
const PROBE_MS = 2 * SECOND_MS

/** A question before `initialize`, which makes that unnecessary when it is answered as `read` wants. */
export interface Probe {
  request: RpcRequest
  /** The members of `params` that the child knows. */
  known: readonly string[]
  /** Undefined when the answer is not the one that was hoped for. */
  read(text: string): InitializeAnswer | undefined
}

/** What is said to a child first. */
export interface Introduction {
  probe?: Probe
  initialize: RpcRequest
  /** Takes what the child says before it answers. */
  message(text: string): void
}

/** The first thing a child comes to: its answer, or undefined for its end or the time limit. */
export async function introduce(
  clock: Clock,
  child: LiveChild,
  { initialize, message, probe }: Introduction,
): Promise<string | undefined> {
  const ask = (request: RpcRequest, known?: readonly string[]) => {
    const answered = Promise.withResolvers<string | undefined>()
    const open = child.call(request, { message, end: answered.resolve }, known)
    void child.gone.then(() => answered.resolve(undefined))
    return { open, answer: answered.promise }
  }
  if (probe) {
    const { answer, open } = ask(probe.request, probe.known)
    const first = await within(clock, PROBE_MS, answer)
    // One that keeps silent is not hung: it was asked what it cannot know.
    if (first === TIMED_OUT) open.pause()
    else if (first !== undefined && probe.read(first)) return first
  }
  const first = await within(clock, START_TIMEOUT_MS, ask(initialize).answer)
  return first === TIMED_OUT || child.over !== undefined || child.wedged ? undefined : first
}
