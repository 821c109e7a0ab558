import type { Config } from '../config.ts'
import { hashToken } from '../crypto.ts'
import type { CallSink } from '../mcp/calls.ts'
import { createAllowance } from '../mcp/ring.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import { err, ok, type Result } from '../result.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'
import type { AccessProvider } from './access.ts'
import { createAlarm } from './alarm.ts'
import { createBook } from './book.ts'
import { awakeSessions, pooledChildren, poolStates } from './census.ts'
import { createDiary } from './diary.ts'
import { createFaults } from './faults.ts'
import { createLauncher } from './launch.ts'
import type { ChildSurroundings } from './live.ts'
import { createModern, type Modern } from './modern/modern.ts'
import { changePermissions } from './narrowing.ts'
import { createOpenings } from './opening.ts'
import { reap } from './reaping.ts'
import type { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import { createSlots } from './slots.ts'
import { STANDBY_KEEP_MS } from './standby.ts'
import { createUsage } from './usage.ts'

export interface RegistryDeps extends ChildSurroundings {
  store: Store
  config: ChildSurroundings['config'] &
    Pick<
      Config,
      | 'childCredential'
      | 'maxSessions'
      | 'maxSessionsPerUser'
      | 'sessionIdleTimeoutMs'
      | 'sessionMaxAgeMs'
    >
  access: AccessProvider
  /** How long a child is kept ready for an account that opens no further session, in ms; 0: none is. */
  standbyKeepMs?: number
}

export interface Counts {
  /** Sessions in memory: awake, or used not long ago. */
  sessions: number
  /** Sessions with a child that serves them. */
  awake: number
  /** Processes, those being started and stopped included. */
  children: number
}

/** Every session of the broker and every child. */
export interface Registry {
  /** What serves clients that have no sessions. */
  readonly modern: Pick<Modern, 'request'>
  /**
   * Starts a child, hands it the client's `initialize` and makes the session that its answer begins. The sink gets
   * the answer before this resolves. No session id when the child declined: then the answer is its error.
   */
  initialize(
    caller: Caller,
    request: RpcRequest,
    sink: CallSink,
  ): Promise<Result<{ sessionId: string | undefined }, Refusal>>
  /** The caller's own living session. Unknown, ended, expired and foreign are the same; a foreign account's is audited. */
  find(caller: Caller, sessionId: string): Result<Session, 'not-found'>
  /** Ends a session for its client (DELETE). */
  end(session: Session, reason: string): void
  /** Ends every session that a family opened, and those it is opening. */
  endFamily(familyId: string, reason: string): void
  /** What a client of an account may do is something else now, at most `scopes`; holds for sessions in use at once. */
  changePermissions(change: {
    accountId: string
    clientId: string
    scopes: readonly string[]
  }): void
  /** The account's sessions that have a child, counted for each client. */
  awake(accountId: string): Map<string, number>
  /** The account's children that serve stateless clients, counted for each client. */
  stateless(accountId: string): Map<string, number>
  /** The account has a new token: children that hold the old one get successors. In relay mode none holds one. */
  credentialRenewed(accountId: string): void
  /** The account must log in again: its sessions sleep until it has. */
  credentialDied(accountId: string): void
  /** Puts idle children to sleep, replaces hung and outdated ones, ends and forgets what is long unused. */
  reap(now: number): void
  /** Ends what another process asked to end, or revoked. Cheap enough for every second. */
  obey(): void
  accountsWithChildren(): Set<string>
  count(): Counts
  /**
   * Takes no more requests, waits up to `graceMs` ms for what is in flight and stops every child; the sessions sleep.
   * Resolves when no child is left. A second call waits no longer and kills.
   */
  stopAll(graceMs: number): Promise<void>
}

/** How long calls may go on in a child whose account must log in again, in ms: Forgejo refuses them anyway. */
const DIED_DRAIN_MS = 5_000

/** The registry over a store. Orphans of a predecessor are swept before it is used. */
export function createRegistry(deps: RegistryDeps): Registry {
  const { clock, config, store } = deps
  const epochs = new Map<string, number>()
  const epoch = (accountId: string) => epochs.get(accountId) ?? 0
  const usage = createUsage(deps)
  const faults = createFaults(clock)
  const limits = { total: config.maxSessions, perAccount: config.maxSessionsPerUser }
  const slots = createSlots(limits, function* () {
    yield* launcher.standbys.idle()
    yield* book.idle()
    yield* modern.idle()
  })
  const launcher = createLauncher({
    standbyKeepMs: STANDBY_KEEP_MS,
    ...deps,
    slots,
    faults,
    epoch,
    listChanged: (accountId, method) => modern.listChanged(accountId, method),
  })
  const clientInfo = { name: 'fjmcp-broker', version: deps.userAgent.split('/')[1] ?? '' }
  const stateRefused = createAlarm(deps)
  const modern = createModern({ ...deps, launcher, epoch, clientInfo, stateRefused })
  deps.metrics.poolChildren.from(() => poolStates(modern.children()))
  const session = {
    ...deps,
    usage,
    launcher,
    diary: createDiary(deps),
    epoch,
    callTimeoutMs: config.callTimeoutMs,
    allowance: createAllowance(),
  }
  const book = createBook({ ...deps, session })
  const openings = createOpenings({ ...deps, book, launcher })
  let stopping: Promise<void> | undefined

  async function stopEverything(graceMs: number): Promise<void> {
    launcher.close()
    modern.close()
    await Promise.all([...launcher.alive].map((child) => child.drain(graceMs)))
    await Promise.all([...launcher.alive].map((child) => child.stop('shutdown')))
    for (const { streams } of book.living()) streams.close()
    usage.close()
  }

  return {
    modern,
    initialize: (caller, request, sink) => openings.initialize(caller, request, sink),

    find(caller, sessionId) {
      const found = book.find(hashToken(sessionId))
      if (!found) return err('not-found')
      const { accountId, clientId, idHash } = found.row
      if (accountId === caller.accountId)
        return clientId === caller.clientId ? ok(found) : err('not-found')
      store.audit.add(clock.now(), {
        event: 'session.foreign',
        accountId: caller.accountId,
        clientId: caller.clientId,
        familyId: caller.familyId,
        sessionHash: idHash,
        reason: `the session belongs to account ${accountId}`,
      })
      return err('not-found')
    },

    end: ({ hash }, reason) => void book.end(hash, 'deleted', reason),

    endFamily(familyId, reason) {
      openings.callOff((caller) => caller.familyId === familyId)
      modern.endFamily(familyId, reason)
      for (const { streams } of book.living()) streams.cut({ familyId })
      for (const hash of store.sessions.ofFamily(familyId)) book.end(hash, 'revoked', reason)
    },

    changePermissions(change) {
      const { accountId, clientId, scopes } = change
      modern.narrow(change)
      const own = [...book.living(accountId)].filter(({ row }) => row.clientId === clientId)
      changePermissions(own, scopes, config)
    },

    awake: (accountId) => awakeSessions(book, accountId),
    stateless: (accountId) => pooledChildren(modern.children(), accountId),

    credentialRenewed(accountId) {
      if (config.childCredential === 'relay') return
      epochs.set(accountId, epoch(accountId) + 1)
      launcher.standbys.renew(accountId)
      modern.credentialRenewed(accountId)
      for (const seat of book.seats(accountId)) seat.mend()
    },

    credentialDied(accountId) {
      launcher.standbys.drop(accountId)
      modern.credentialDied(accountId)
      for (const seat of book.seats(accountId)) void seat.sleep(DIED_DRAIN_MS)
    },

    reap(now) {
      reap(now, { ...deps, book, launcher, faults, usage })
      modern.reap(now)
    },

    obey() {
      book.settle()
      for (const familyId of store.families.dead(modern.families()))
        modern.endFamily(familyId, 'access was revoked')
      for (const { idHash, cause } of store.sessions.closing())
        book.end(
          idHash,
          cause,
          cause === 'operator' ? 'closed by the operator' : 'access was revoked',
        )
    },

    accountsWithChildren: () => new Set([...launcher.alive].map(({ accountId }) => accountId)),

    count() {
      const living = [...book.living()]
      return {
        sessions: living.length,
        awake: living.filter(({ seats }) => [...seats].some(({ current }) => current)).length,
        children: launcher.alive.size,
      }
    },

    stopAll(graceMs) {
      if (stopping) for (const child of launcher.alive) child.kill()
      stopping ??= stopEverything(graceMs)
      return stopping
    },
  }
}
