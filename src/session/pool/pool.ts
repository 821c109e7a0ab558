import { type Clock, sleep } from '../../clock.ts'
import type { Config } from '../../config.ts'
import type { Log } from '../../log.ts'
import type { Era } from '../../mcp/era.ts'
import type { Result, Soon } from '../../result.ts'
import { covers } from '../../scopes.ts'
import type { Refusal } from '../refusal.ts'
import type { Idle } from '../slots.ts'
import { isFit, type PoolChild, type PoolKey, type PoolState } from './child.ts'
import { createExclusiveChildren, FULL_WAIT_MS, type Lease, LOOK_AGAIN_MS } from './exclusive.ts'
import { createSharedChildren } from './shared.ts'
import { createStarter, type StarterDeps } from './starter.ts'

/** How long calls may go on in a child that must go, in ms: what they may not do is refused on the way to Forgejo. */
const DRAIN_MS = 5_000

export interface PoolDeps extends StarterDeps {
  clock: Clock
  log: Log
  config: Pick<Config, 'callTimeoutMs' | 'maxSessionsPerUser' | 'sessionIdleTimeoutMs'>
  epoch(accountId: string): number
  /** The resources that the child of a key watches for its clients. */
  watched(key: string): readonly string[]
  /** Told when a key has no shared child any more. */
  emptied(key: string): void
}

/** The children that serve stateless calls: kept warm, because nothing of a call stays in them. */
export interface Pool {
  /** What the children are; undefined until there was one. */
  readonly era: Era | undefined
  /** Calls `work` with a child that serves many calls at a time. */
  share<T>(key: PoolKey, familyId: string, work: (child: PoolChild) => T): Soon<Result<T, Refusal>>
  /** A child for one call alone. */
  lease(key: PoolKey, familyId: string): Promise<Result<Lease, Refusal>>
  /** The children that run. */
  children(): Iterable<{ key: PoolKey; state: PoolState }>
  /** The shared child that runs for a key now. */
  current(key: string): PoolChild | undefined
  /** The children that could be put to sleep now. */
  idle(): Iterable<Idle>
  /** Puts idle children to sleep, and replaces hung and outdated ones. */
  reap(now: number): void
  /** The login is over: children that served nobody else are stopped. */
  endFamily(familyId: string): void
  /** What a client of an account may do is at most `scopes`: children that may do more finish what they have, and stop. */
  narrow(change: { accountId: string; clientId: string; scopes: readonly string[] }): void
  /** The account has a new token: children that hold the old one get successors. */
  renew(accountId: string): void
  /** The account must log in again: its children finish what they have, and stop. */
  sleep(accountId: string): void
}

/** An empty pool. */
export function createPool(deps: PoolDeps): Pool {
  const { clock, config, epoch } = deps
  const starter = createStarter(deps)
  const shared = createSharedChildren({ ...deps, starter, callTimeoutMs: config.callTimeoutMs })
  const { maxSessionsPerUser } = config
  const mostPerAccount =
    maxSessionsPerUser > 0 ? Math.max(1, maxSessionsPerUser - 1) : Number.POSITIVE_INFINITY
  const exclusive = createExclusiveChildren({ ...deps, starter, mostPerAccount })

  /** Stops every child whose key matches, once it has finished what it has. */
  const putToSleep = (matches: (key: PoolKey) => boolean): void => {
    for (const { key, seat } of shared.places()) if (matches(key)) void seat.sleep(DRAIN_MS)
    for (const held of [...exclusive.held()])
      if (matches(held.child.key))
        void held.child.live.drain(DRAIN_MS).then(() => exclusive.stop(held))
  }

  /** Tries again for a while what came to nothing for lack of room. */
  const untilRoom = async <T>(
    first: Promise<Result<T, Refusal>>,
    again: () => Soon<Result<T, Refusal>>,
  ): Promise<Result<T, Refusal>> => {
    const until = clock.now() + FULL_WAIT_MS
    for (let used = await first; ; used = await again()) {
      if (used.ok || used.error.kind !== 'full' || clock.now() >= until) return used
      await sleep(clock, LOOK_AGAIN_MS)
    }
  }

  return {
    get era() {
      return starter.era
    },
    share(key, familyId, work) {
      const use = () => shared.use(key, familyId, work)
      const used = use()
      return used instanceof Promise ? untilRoom(used, use) : used
    },
    lease: exclusive.lease,
    current: shared.current,
    *children() {
      for (const { key, seat } of shared.places()) if (seat.current) yield { key, state: 'shared' }
      for (const { child, lease } of exclusive.held())
        yield { key: child.key, state: lease ? (lease.parked ? 'parked' : 'leased') : 'free' }
    },
    *idle() {
      yield* shared.idle()
      yield* exclusive.idle()
    },
    reap(now) {
      shared.reap(now, config.sessionIdleTimeoutMs)
      exclusive.reap(now, config.sessionIdleTimeoutMs)
    },
    endFamily(familyId) {
      for (const place of [...shared.places()])
        if (place.families.delete(familyId) && place.families.size === 0) shared.close(place)
      for (const held of [...exclusive.held()])
        if (held.families.delete(familyId) && held.families.size === 0) void exclusive.stop(held)
    },
    narrow: ({ accountId, clientId, scopes }) =>
      putToSleep(
        (key) =>
          key.accountId === accountId && key.clientId === clientId && !covers(scopes, key.scopes),
      ),
    renew(accountId) {
      for (const { key, seat } of shared.places()) if (key.accountId === accountId) seat.mend()
      for (const held of [...exclusive.held()]) {
        const { child, lease } = held
        const stale = child.key.accountId === accountId && !isFit(child, epoch(accountId))
        if (stale && !lease) void exclusive.stop(held)
      }
    },
    sleep: (accountId) => putToSleep((key) => key.accountId === accountId),
  }
}
