import { SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import { describe } from '../log.ts'
import type { CallSink } from '../mcp/calls.ts'
import { ok, type Result } from '../result.ts'
import type { AuditName } from '../store/audit-events.ts'
import type { AccessProvider, AccessRequest, ChildAccess } from './access.ts'
import type { Faults } from './faults.ts'
import { readInitialize } from './handshake.ts'
import { type Introduction, introduce, START_TIMEOUT_MS } from './introduce.ts'
import type { ChildOrder, ChildSurroundings, Listener, LiveChild } from './live.ts'
import { type Refusal, refuse, stopping } from './refusal.ts'
import type { Slots } from './slots.ts'
import { createStandbys, type Standbys } from './standby.ts'
import { startChild } from './start.ts'

/** Why a child is started, as the metrics count it. */
export type StartReason = 'initialize' | 'wake' | 'renewal' | 'stuck'

/** How long a child that stood by may take to answer, in ms: it should be ready, and another one can be started. */
const STANDBY_ANSWER_MS = 5 * SECOND_MS

export interface LaunchOrder extends Introduction {
  accountId: string
  clientId: string
  scopes: readonly string[]
  /** Absent for a child that belongs to no session. */
  sessionHash?: TokenHash
  reason: StartReason
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
  /** The children that wait for a session. */
  readonly standbys: Standbys
  /** Every child whose process is there, those that wait, are being started or being stopped included. */
  readonly alive: ReadonlySet<LiveChild>
  /** Refuses every further start. */
  close(): void
  readonly closed: boolean
}

export interface LaunchDeps extends ChildSurroundings, Listener {
  access: AccessProvider
  slots: Slots
  faults: Faults
  /** How long a child is kept ready for the next session of an account, in ms; 0: none is. */
  standbyKeepMs: number
  /** How many credentials of the account have come so far. */
  epoch(accountId: string): number
}

/** What a start came to: a child that answered, or why there is none. */
type Start = Result<Launched, Refusal>

/** The one place where children are started. */
export function createLauncher(deps: LaunchDeps): Launcher {
  const { clock, epoch, faults, log, metrics, slots, store } = deps
  const alive = new Set<LiveChild>()
  let closed = false

  const openAccess = async (request: AccessRequest): Promise<Result<ChildAccess, Refusal>> => {
    const opening = deps.access.open(request)
    const access = await within(clock, START_TIMEOUT_MS, opening)
    if (access !== TIMED_OUT) {
      if (access.ok) return access
      return refuse(access.error.kind, access.error.reason, access.error.retryAfterMs)
    }
    void opening.then((late) => late.ok && late.value.release()).catch(() => {})
    return refuse('later', 'the credential took too long', START_TIMEOUT_MS)
  }

  const start = (order: ChildOrder, reason: StartReason | 'standby'): LiveChild => {
    const child = startChild(deps, order)
    alive.add(child)
    void child.gone.then(() => alive.delete(child))
    metrics.childrenStarted.inc({ reason })
    return child
  }

  const standbys = createStandbys({
    ...deps,
    keepMs: deps.standbyKeepMs,
    openAccess,
    start(order) {
      const child = start(order, 'standby')
      child.writeDown()
      return child
    },
  })

  const begin = (child: LiveChild, order: LaunchOrder): Promise<string | undefined> => {
    order.spawned?.(child)
    return introduce(clock, child, order)
  }

  const audit = (order: LaunchOrder, event: AuditName, reason: string): void => {
    const { accountId, clientId, sessionHash } = order
    const who = { accountId, clientId, ...(sessionHash && { sessionHash }) }
    try {
      store.audit.add(clock.now(), { event, ...who, reason })
    } catch (error) {
      log.error('an audit event could not be written', { audited: event, reason, error })
    }
  }

  /** The row only helps an operator to see which child is whose: a store that is busy must not cost the child. */
  const assign = (pid: number, sessionHash: TokenHash): void => {
    try {
      store.children.assign(pid, sessionHash)
    } catch (error) {
      log.warn("a child could not be written down as its session's", { pid, error })
    }
  }

  const failed = (order: LaunchOrder, reason: string) => {
    log.warn('child did not start', { account: order.accountId, why: order.reason, reason })
    audit(order, 'child.start-failed', reason)
    return faults.startFailed(order.accountId, reason)
  }

  /** A child that served is watched to its end: one that ends by itself may have to be kept from coming back. */
  const watch = async (child: LiveChild, order: LaunchOrder): Promise<void> => {
    const readyAt = clock.now()
    await child.gone
    if (child.stopped) return
    const reason = child.over ?? 'ended'
    const broken = faults.crashed(order.accountId, readyAt, reason)
    if (broken) log.error('children of an account crash', { account: order.accountId, reason })
    audit(order, 'child.crashed', reason)
    if (broken) audit(order, 'breaker.opened', broken)
  }

  /** Judges what a child came to after `initialize` was said to it: `text` is its answer, if there is one. */
  const judge = (child: LiveChild, order: LaunchOrder, text: string | undefined): Start => {
    if (child.stopped) return closed ? stopping() : refuse('later', 'the start was called off', 0)
    if (text === undefined) {
      // The exit comes with the reason; a child that is merely silent is ended without waiting for it.
      const why = child.over ?? `did not answer within ${START_TIMEOUT_MS / SECOND_MS} s`
      void child.stop('start-failed')
      return failed(order, `forgejo-mcp ${why}`)
    }
    const answer = order.probe?.read(text) ?? readInitialize(text)
    if (answer.kind === 'result') {
      faults.started(order.accountId)
      watch(child, order).catch((error) => log.warn('crash could not be written', { error }))
      if (order.reason === 'initialize') standbys.expect(order.accountId)
      return { ok: true, value: { ...answer, kind: 'ready', child, text } }
    }
    void child.stop('start-failed')
    if (answer.kind === 'nonsense')
      return failed(order, 'forgejo-mcp did not answer initialize as MCP has it')
    return { ok: true, value: { kind: 'declined', text, message: answer.message } }
  }

  /** Starts a process for the order. */
  const fresh = async (order: LaunchOrder): Promise<Result<LiveChild, Refusal>> => {
    const { accountId, clientId, scopes } = order
    const successor = order.reason === 'renewal' || order.reason === 'stuck'
    const slot = successor ? ok(slots.takeOver(accountId)) : await slots.take(accountId)
    if (!slot.ok) return slot

    const access = await openAccess({ accountId, clientId, scopes, leased: true }).catch(
      (error: unknown) => {
        slot.value.release()
        throw error
      },
    )
    if (!access.ok || closed) {
      slot.value.release()
      if (access.ok) access.value.release()
      return access.ok ? stopping() : access
    }
    try {
      return ok(
        start(
          { ...order, access: access.value, slot: slot.value, epoch: epoch(accountId) },
          order.reason,
        ),
      )
    } catch (error) {
      access.value.release()
      slot.value.release()
      return failed(order, `forgejo-mcp cannot be started: ${describe(error)}`)
    }
  }

  return {
    alive,
    failed,
    standbys,
    close() {
      closed = true
      standbys.close()
    },
    get closed() {
      return closed
    },
    async launch(order) {
      if (closed) return stopping()
      const allowed = faults.check(order.accountId)
      if (!allowed.ok) return allowed
      const standby = standbys.take(order)
      if (standby) {
        if (order.sessionHash) assign(standby.pid, order.sessionHash)
        const text = await within(clock, STANDBY_ANSWER_MS, begin(standby, order))
        if (standby.stopped || (text !== undefined && text !== TIMED_OUT))
          return judge(standby, order, text === TIMED_OUT ? undefined : text)
        // One that had ended or hung unseen is nobody's failure.
        standby.giveWay()
        void standby.stop('start-failed')
      }
      for (let again = false; ; again = true) {
        const child = await fresh(order)
        if (!child.ok) return child
        const answer = begin(child.value, order)
        // While it gets ready for what it was told.
        child.value.writeDown()
        const text = await answer
        await child.value.doubted
        if (text !== undefined || again || !child.value.rejected)
          return judge(child.value, order, text)
      }
    },
  }
}
