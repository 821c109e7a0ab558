import { type Clock, SECOND_MS, within } from '../../clock.ts'
import { ok, type Result } from '../../result.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { Idle } from '../slots.ts'
import { isFit, type PoolChild, type PoolKey } from './child.ts'
import type { Starter } from './starter.ts'

/** A busy child is often free again before another one would be up: so long one is waited for, in ms. */
const BORROW_MS = 50

/** How long a call waits for a child when there is no room for another, in ms. */
export const FULL_WAIT_MS = 5 * SECOND_MS

/** How often it looks again meanwhile, in ms. */
export const LOOK_AGAIN_MS = 250

/** The right to a child of one's own, for one call: what it says can be about nothing else. */
export interface Lease {
  readonly child: PoolChild
  /** The call waits for its client: the child will not be free soon. */
  parked: boolean
  /** Gives the child back; it is stopped unless it has answered everything. Safe to call twice. */
  release(answered: boolean): void
}

/** A child that serves one call at a time. */
interface Held {
  readonly child: PoolChild
  readonly key: string
  readonly families: Set<string>
  lease: Lease | undefined
  /** Somebody has been told to take it. */
  promised: boolean
}

interface Waiter {
  key: string
  accountId: string
  /** Gets a child that is its own from now on, or undefined to try again. */
  wake(held: Held | undefined): void
}

export interface ExclusiveDeps {
  starter: Starter
  clock: Clock
  epoch(accountId: string): number
  /** Children of one account: fewer than it may have, so that calls which ask nothing find one as well. */
  mostPerAccount: number
}

/** The children that are leased to one call at a time. */
export interface ExclusiveChildren {
  lease(key: PoolKey, familyId: string): Promise<Result<Lease, Refusal>>
  held(): Iterable<Held>
  idle(): Iterable<Idle>
  /** Stops those that were idle for long, or are no good any more. */
  reap(now: number, idleTimeoutMs: number): void
  /** Ends a child; a call that it serves fails. */
  stop(held: Held): Promise<void>
}

/** No leased children yet. */
export function createExclusiveChildren({
  starter,
  clock,
  epoch,
  mostPerAccount,
}: ExclusiveDeps): ExclusiveChildren {
  const all = new Set<Held>()
  const waiters = new Set<Waiter>()
  /** How many are being started, by account. */
  const starting = new Map<string, number>()

  const isFree = ({ lease, promised }: Held): boolean => !lease && !promised
  /** One that still works on a call may ask about it, which would be taken for the next one's question. */
  const fit = ({ child }: Held): boolean =>
    child.live.owed === 0 && isFit(child, epoch(child.key.accountId))

  const take = (held: Held, familyId: string): Lease => {
    held.families.add(familyId)
    held.promised = false
    let over = false
    const lease: Lease = {
      child: held.child,
      parked: false,
      release(answered) {
        if (over) return
        over = true
        held.lease = undefined
        if (answered && fit(held)) free(held)
        else void stop(held)
      },
    }
    held.lease = lease
    return lease
  }

  /** Gives a child that nobody uses to whoever waits for it. */
  const free = (held: Held): void => {
    const { accountId } = held.child.key
    const waiting = [...waiters]
    const heir = waiting.find(({ key }) => key === held.key)
    if (heir) {
      held.promised = true
      heir.wake(held)
      return
    }
    const other = waiting.find((waiter) => waiter.accountId === accountId) ?? waiting[0]
    other?.wake(undefined)
  }

  const stop = async (held: Held): Promise<void> => {
    all.delete(held)
    await held.child.live.stop('replaced')
  }

  const wait = async (key: PoolKey, ms: number): Promise<Held | undefined> => {
    const woken = Promise.withResolvers<void>()
    let got: Held | undefined
    const waiter = { key: key.text, accountId: key.accountId, wake }
    function wake(held: Held | undefined): void {
      waiters.delete(waiter)
      got = held
      woken.resolve()
    }
    waiters.add(waiter)
    await within(clock, ms, woken.promise)
    waiters.delete(waiter)
    if (!got || fit(got)) return got
    void stop(got)
    return undefined
  }

  const add = (child: PoolChild): Held => {
    const held: Held = {
      child,
      key: child.key.text,
      families: new Set(),
      lease: undefined,
      promised: false,
    }
    all.add(held)
    void child.live.gone.then(() => {
      all.delete(held)
      for (const waiter of [...waiters]) waiter.wake(undefined)
    })
    return held
  }

  /** Starts a child, in the place of an idle one when the account has as many as it may. */
  const start = async (key: PoolKey): Promise<Result<PoolChild, Refusal>> => {
    const { accountId } = key
    const own = [...all].filter(({ child }) => child.key.accountId === accountId)
    const others = starting.get(accountId) ?? 0
    if (own.length + others >= mostPerAccount) {
      const idle = own.find(isFree)
      if (!idle) return refuse('full', 'every child of this account is busy', FULL_WAIT_MS)
      all.delete(idle)
      starting.set(accountId, others + 1)
      await stop(idle)
    } else starting.set(accountId, others + 1)
    try {
      return await starter.start(key, 'wake')
    } finally {
      starting.set(accountId, (starting.get(accountId) ?? 1) - 1)
      if (starting.get(accountId) === 0) starting.delete(accountId)
    }
  }

  const ofKey = (key: string): Held[] => [...all].filter((held) => held.key === key)

  return {
    async lease(key, familyId) {
      const { text } = key
      const until = clock.now() + FULL_WAIT_MS
      for (let first = true; ; first = false) {
        const known = ofKey(text)
        const idle = known.find((held) => isFree(held) && fit(held))
        if (idle) return ok(take(idle, familyId))
        if (first && known.some(({ lease }) => lease && !lease.parked)) {
          const heired = await wait(key, BORROW_MS)
          if (heired) return ok(take(heired, familyId))
        }
        const started = await start(key)
        if (started.ok) return ok(take(add(started.value), familyId))
        const left = until - clock.now()
        if (started.error.kind !== 'full' || left <= 0) return started
        const heired = await wait(key, Math.min(left, LOOK_AGAIN_MS))
        if (heired) return ok(take(heired, familyId))
      }
    },

    held: () => all,

    *idle() {
      for (const held of all) {
        if (!isFree(held)) continue
        const { live } = held.child
        yield {
          accountId: live.accountId,
          since: live.lastUsedAt,
          yield() {
            all.delete(held)
            live.giveWay()
            return live.stop('slept')
          },
        }
      }
    },

    reap(now, idleTimeoutMs) {
      for (const held of [...all]) {
        if (!isFree(held)) continue
        if (now - held.child.live.lastUsedAt >= idleTimeoutMs || !fit(held)) void stop(held)
      }
    },

    stop,
  }
}
