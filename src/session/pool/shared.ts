import { type Clock, within } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { rpcRequest } from '../../mcp/rpc.ts'
import { ok, type Result, type Soon } from '../../result.ts'
import { START_TIMEOUT_MS } from '../introduce.ts'
import type { StartReason } from '../launch.ts'
import type { LiveChild } from '../live.ts'
import type { Refusal } from '../refusal.ts'
import { Seat } from '../seat.ts'
import type { Idle } from '../slots.ts'
import type { PoolChild, PoolKey } from './child.ts'
import type { Starter } from './starter.ts'

export interface SharedDeps {
  starter: Starter
  clock: Clock
  log: Log
  callTimeoutMs: number
  epoch(accountId: string): number
  /** The resources that the child of a key watches for its clients: told to each new one. */
  watched(key: string): readonly string[]
  /** Told when a key has no child any more. */
  emptied(key: string): void
}

/** One place in the pool whose child serves many calls at a time. */
interface Place {
  readonly key: PoolKey
  readonly seat: Seat
  /** The logins that it has served. */
  readonly families: Set<string>
}

/** The children that serve calls which ask nothing of the client: one for each key. */
export interface SharedChildren {
  /** Calls `work` with the key's child, starting it if need be. */
  use<T>(key: PoolKey, familyId: string, work: (child: PoolChild) => T): Soon<Result<T, Refusal>>
  /** The child that runs for a key now. */
  current(key: string): PoolChild | undefined
  places(): Iterable<Place>
  idle(): Iterable<Idle>
  /** Puts idle children to sleep, replaces hung and outdated ones, and forgets unused places. */
  reap(now: number, idleTimeoutMs: number): void
  /** Ends a place and its child. */
  close(place: Place): void
}

/** No shared children yet. */
export function createSharedChildren(deps: SharedDeps): SharedChildren {
  const { callTimeoutMs, clock, emptied, epoch, log, starter, watched } = deps
  const places = new Map<string, Place>()
  const children = new Map<LiveChild, PoolChild>()

  const start = async (
    key: PoolKey,
    reason: StartReason,
    spawned: (child: LiveChild) => void,
  ): Promise<Result<LiveChild, Refusal>> => {
    const started = await starter.start(key, reason, spawned)
    if (!started.ok) return started
    const { live } = started.value
    children.set(live, started.value)
    const { text } = key
    void live.gone.then(() => {
      children.delete(live)
      const current = places.get(text)?.seat.current
      if (!current || current === live) emptied(text)
    })
    const told = watched(text).map((uri) => tell(started.value, uri))
    await within(clock, START_TIMEOUT_MS, Promise.all(told))
    return ok(live)
  }

  const placeFor = (key: PoolKey): Place => {
    const { text } = key
    const known = places.get(text)
    if (known) return known
    const seat = new Seat({
      scopes: key.scopes,
      start: (reason, spawned) => start(key, reason, spawned),
      slept() {},
      outdated: (child) => child.epoch < epoch(key.accountId),
      drainMs: callTimeoutMs,
      refused: (event, reason) => log.debug('event does not fit the place', { event, reason }),
    })
    const place = { key, seat, families: new Set<string>() }
    places.set(text, place)
    return place
  }

  return {
    use(key, familyId, work) {
      const { families, seat } = placeFor(key)
      families.add(familyId)
      return seat.use((live) => {
        const child = children.get(live)
        if (!child) throw new Error('a child of the pool is not known')
        return work(child)
      })
    },

    current(key) {
      const live = places.get(key)?.seat.current
      return live && children.get(live)
    },

    places: () => places.values(),

    *idle() {
      for (const { seat } of places.values()) {
        const { current, idleSince } = seat
        if (!current || idleSince === undefined) continue
        yield {
          accountId: current.accountId,
          since: idleSince,
          yield() {
            current.giveWay()
            return seat.sleep()
          },
        }
      }
    },

    reap(now, idleTimeoutMs) {
      for (const [text, { seat }] of places) {
        const { idleSince } = seat
        const isIdle = idleSince !== undefined && now - idleSince >= idleTimeoutMs
        if (isIdle && watched(text).length === 0) void seat.sleep()
        else seat.mend()
        if (seat.empty) places.delete(text)
      }
    },

    close(place) {
      places.delete(place.key.text)
      void place.seat.close()
      emptied(place.key.text)
    },
  }
}

/** Resolves when the child has answered, whatever it is: a resource that is gone is no reason not to start. */
const tell = ({ heard, live }: PoolChild, uri: string): Promise<void> =>
  new Promise((resolve) => {
    const sink = { message: heard, end: () => resolve() }
    live.call(rpcRequest('resources/subscribe', { uri }), sink)
  })
