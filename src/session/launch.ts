import { SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import { describe } from '../log.ts'
import type { CallSink } from '../mcp/bridge.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import type { Result } from '../result.ts'
import type { AccessProvider } from './access.ts'
import type { Faults } from './faults.ts'
import { readInitialize } from './handshake.ts'
import type { ChildSurroundings, LiveChild } from './live.ts'
import { type Refusal, refuse, stopping } from './refusal.ts'
import type { Slots } from './slots.ts'
import { startChild } from './start.ts'

/** How long a child may take from spawn to its answer to `initialize`, and how long its access may take. */
export const START_TIMEOUT_MS = 15 * SECOND_MS

/** Why a child is started, as the metrics count it. */
export type StartReason = 'initialize' | 'wake' | 'renewal' | 'stuck'

export interface LaunchOrder {
  accountId: string
  clientId: string
  scopes: readonly string[]
  sessionHash: TokenHash
  reason: StartReason
  /** The `initialize` to say. */
  initialize: RpcRequest
  /** Takes what the child says before it answers that. */
  message(text: string): void
  /** Takes what the child says later about no call while there is not exactly one open. */
  unsolicited(text: string, open: readonly CallSink[]): void
  /** Ids for the child's questions to the client. */
  nextAsk(): number
  /** Told as soon as there is a process, so that it can be stopped before it is ready. */
  spawned?(child: LiveChild): void
}

/** A child that answered `initialize`. `text` is its whole answer, under the id of the given request. */
export type Launched =
  | {
      kind: 'ready'
      child: LiveChild
      text: string
      protocolVersion: string
      result: Record<string, unknown>
    }
  /** It answered with a JSON-RPC error and was stopped. */
  | { kind: 'declined'; text: string; message: string }

export interface Launcher {
  /**
   * Starts one child: access, process, `initialize`, each in bounded time. Refuses without trying while the
   * account's children fail to start; `full`, `login`, `later` and `operator` say what stood in the way.
   */
  launch(order: LaunchOrder): Promise<Result<Launched, Refusal>>
  /** Notes a start that came to nothing for a reason only its caller could see, as `launch` does for the others. */
  failed(order: LaunchOrder, reason: string): { ok: false; error: Refusal }
  /** Every child whose process is there, those being started and being stopped included. */
  readonly alive: ReadonlySet<LiveChild>
  /** Refuses every further start. */
  close(): void
  readonly closed: boolean
}

export interface LaunchDeps extends ChildSurroundings {
  access: AccessProvider
  slots: Slots
  faults: Faults
  /** How many credentials of the account have come so far. */
  epoch(accountId: string): number
}

/** The one place where children are started. */
export function createLauncher(deps: LaunchDeps): Launcher {
  const { clock, faults, log, metrics, slots } = deps
  const alive = new Set<LiveChild>()
  let closed = false

  const openAccess = async (order: LaunchOrder) => {
    const opening = deps.access.open({
      accountId: order.accountId,
      clientId: order.clientId,
      scopes: order.scopes,
      leased: true,
    })
    const access = await within(clock, START_TIMEOUT_MS, opening)
    if (access !== TIMED_OUT) return access
    void opening.then((late) => late.ok && late.value.release()).catch(() => {})
    return refuse('later', 'the credential took too long', START_TIMEOUT_MS)
  }

  /** The first thing the child comes to: its answer, its end, or the time limit. */
  const introduce = async (child: LiveChild, order: LaunchOrder): Promise<string | undefined> => {
    const answered = Promise.withResolvers<string>()
    child.call(order.initialize, { message: order.message, end: answered.resolve })
    const first = await within(
      clock,
      START_TIMEOUT_MS,
      Promise.race([answered.promise, child.gone.then(() => undefined)]),
    )
    return first === TIMED_OUT || child.over !== undefined || child.wedged ? undefined : first
  }

  const failed = (order: LaunchOrder, reason: string) => {
    log.warn('child did not start', { account: order.accountId, why: order.reason, reason })
    const refusal = faults.startFailed(order.accountId, reason)
    deps.store.audit.add(clock.now(), {
      event: 'child.start-failed',
      accountId: order.accountId,
      sessionHash: order.sessionHash,
      reason,
    })
    return refusal
  }

  return {
    alive,
    failed,
    close() {
      closed = true
    },
    get closed() {
      return closed
    },
    async launch(order) {
      if (closed) return stopping()
      const allowed = faults.check(order.accountId)
      if (!allowed.ok) return allowed

      const successor = order.reason === 'renewal' || order.reason === 'stuck'
      const slot = successor
        ? { ok: true as const, value: slots.takeOver(order.accountId) }
        : await slots.take(order.accountId)
      if (!slot.ok) return slot

      const access = await openAccess(order).catch((error: unknown) => {
        slot.value.release()
        throw error
      })
      if (!access.ok || closed) {
        slot.value.release()
        if (access.ok) access.value.release()
        return access.ok
          ? stopping()
          : refuse(access.error.kind, access.error.reason, access.error.retryAfterMs)
      }

      let child: LiveChild
      try {
        child = startChild(deps, {
          ...order,
          access: access.value,
          slot: slot.value,
          epoch: deps.epoch(order.accountId),
        })
      } catch (error) {
        access.value.release()
        slot.value.release()
        return failed(order, `forgejo-mcp cannot be started: ${describe(error)}`)
      }
      alive.add(child)
      void child.gone.then(() => alive.delete(child))
      metrics.childrenStarted.inc({ reason: order.reason })
      order.spawned?.(child)

      const text = await introduce(child, order)
      if (child.stopped) return closed ? stopping() : refuse('later', 'the start was called off', 0)
      if (text === undefined) {
        // The exit comes with the reason; a child that is merely silent is ended without waiting for it.
        const silent = child.over === undefined
        void child.stop('start-failed')
        return failed(
          order,
          silent
            ? `forgejo-mcp did not answer within ${START_TIMEOUT_MS / SECOND_MS} s`
            : `forgejo-mcp ${child.over}`,
        )
      }
      const answer = readInitialize(text)
      if (answer.kind === 'result') {
        faults.started(order.accountId)
        return { ok: true, value: { ...answer, kind: 'ready', child, text } }
      }
      void child.stop('start-failed')
      if (answer.kind === 'nonsense')
        return failed(order, 'forgejo-mcp did not answer initialize as MCP has it')
      return { ok: true, value: { kind: 'declined', text, message: answer.message } }
    },
  }
}
