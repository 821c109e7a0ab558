import { type Clock, MINUTE_MS } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { err, ok, type Result } from '../../result.ts'
import { MAX_RETRY_MS } from '../refusal.ts'
import type { Idle } from '../slots.ts'

/** A call that waits so long for its client may have to give way to another one. */
export const ABANDONED_MS = MINUTE_MS

/** Children of one account that must stay free for calls that ask nothing. */
const LEFT_FREE = 2

/** Places where the numbers of children have no cap. */
const UNCAPPED = { perAccount: 8, total: 64 }

/** A call that waits for its client, or waited once and may do so again. */
export interface Parked {
  readonly id: string
  readonly accountId: string
  readonly familyId: string
  /** Since when it waits, epoch ms; undefined while it goes on. */
  readonly parkedAt: number | undefined
  /** Whether a child is kept for it. */
  readonly holdsChild: boolean
  /** Gives it up, letting the child come to an end by itself. */
  dismiss(reason: string): void
  /** Gives it up at once and its child's slot with it; resolves when the child is gone. */
  evict(): Promise<void>
}

/**
 * The calls that wait for their clients. Each may keep a child from others, so they never take all that an account
 * may have, nor more than half of all there may be; one that comes on top takes the place of one that was abandoned,
 * or gets none.
 */
export interface Parking<P extends Parked> {
  /** Gives a call its place, which it keeps until it leaves; else how long to wait for one, in ms. */
  enter(call: P): Result<void, number>
  leave(call: P): void
  find(id: string): P | undefined
  all(): Iterable<P>
  /** The abandoned ones, as children that could be put to sleep. */
  idle(): Iterable<Idle>
}

/** An empty parking. */
export function createParking<P extends Parked>({
  clock,
  config,
}: {
  clock: Clock
  config: Pick<Config, 'maxSessions' | 'maxSessionsPerUser'>
}): Parking<P> {
  const { maxSessions, maxSessionsPerUser } = config
  const perAccount =
    maxSessionsPerUser > 0 ? Math.max(1, maxSessionsPerUser - LEFT_FREE) : UNCAPPED.perAccount
  const total = maxSessions > 0 ? Math.max(1, Math.floor(maxSessions / 2)) : UNCAPPED.total
  const calls = new Map<string, P>()

  /** Makes room among `those`, or says how long that will take. */
  const makeRoom = (those: P[]): Result<void, number> => {
    const now = clock.now()
    const [oldest] = those
      .filter(({ parkedAt }) => parkedAt !== undefined)
      .sort((a, b) => (a.parkedAt ?? 0) - (b.parkedAt ?? 0))
    if (oldest?.parkedAt === undefined) return err(MAX_RETRY_MS)
    const left = oldest.parkedAt + ABANDONED_MS - now
    if (left > 0) return err(Math.min(left, MAX_RETRY_MS))
    calls.delete(oldest.id)
    oldest.dismiss('other questions wait as well')
    return ok(undefined)
  }

  return {
    enter(call) {
      if (calls.has(call.id)) return ok(undefined)
      const own = [...calls.values()].filter(({ accountId }) => accountId === call.accountId)
      if (own.length >= perAccount) {
        const room = makeRoom(own)
        if (!room.ok) return room
      } else if (calls.size >= total) {
        const room = makeRoom([...calls.values()])
        if (!room.ok) return room
      }
      calls.set(call.id, call)
      return ok(undefined)
    },
    leave: ({ id }) => void calls.delete(id),
    find: (id) => calls.get(id),
    all: () => [...calls.values()],
    *idle() {
      const now = clock.now()
      for (const call of [...calls.values()]) {
        const { accountId, holdsChild, parkedAt } = call
        if (!holdsChild || parkedAt === undefined || parkedAt + ABANDONED_MS > now) continue
        yield { accountId, since: parkedAt + ABANDONED_MS, yield: () => call.evict() }
      }
    },
  }
}
