import { type Cancel, type Clock, MINUTE_MS, SECOND_MS } from '../clock.ts'
import { describe, type Log } from '../log.ts'
import type { CallSink } from '../mcp/calls.ts'
import type { Result } from '../result.ts'
import type { AccessRequest, ChildAccess } from './access.ts'
import type { Faults } from './faults.ts'
import type { ChildOrder, LiveChild } from './live.ts'
import type { Refusal } from './refusal.ts'
import type { Idle, Slots } from './slots.ts'

/** The session that was just opened is served before a child is started for the next one, in ms. */
const SETTLE_MS = 250

/** A child of the same account that was idle for so long gives its slot to a standby, in ms. */
const IDLE_ENOUGH_MS = 10 * SECOND_MS

/** How long a standby is kept for an account that opens no further session, in ms. */
export const STANDBY_KEEP_MS = 5 * MINUTE_MS

/** Who gets a standby. */
export interface Adopter {
  readonly accountId: string
  readonly clientId: string
  readonly scopes: readonly string[]
  unsolicited(text: string, open: readonly CallSink[]): void
  nextAsk(): number
}

/**
 * One child per account that opens sessions, started ahead of the next one: its process runs and has asked Forgejo
 * for its version, but nothing was said to it, so that it hears the next client's own `initialize`. It counts against
 * the caps, and is the first to go when somebody needs its place.
 */
export interface Standbys {
  /** Gives the account's standby to an order; undefined when there is none that will do. */
  take(order: Adopter): LiveChild | undefined
  /** The account has opened a session: there may soon be another. */
  expect(accountId: string): void
  /** Stops the account's standby, and starts another if one is still to be expected. */
  renew(accountId: string): void
  /** Stops the account's standby, and starts none. */
  drop(accountId: string): void
  /** The standbys, as those who go first. */
  idle(): Iterable<Idle>
  /** Stops those of accounts that have opened no session for long. */
  reap(now: number): void
  /** Starts none any more; those that run are the caller's to stop. */
  close(): void
}

export interface StandbyDeps {
  clock: Clock
  log: Log
  slots: Pick<Slots, 'spare'>
  faults: Pick<Faults, 'check'>
  /** How long one is kept for an account that opens no further session, in ms; 0: none are started. */
  keepMs: number
  /** How many credentials of the account have come so far. */
  epoch(accountId: string): number
  openAccess(request: AccessRequest): Promise<Result<ChildAccess, Refusal>>
  /** Starts the process; throws when it cannot be started. */
  start(order: ChildOrder): LiveChild
}

interface Standby {
  child: LiveChild
  access: ChildAccess
  adopted(by: Adopter): void
}

/** No standbys yet. */
export function createStandbys(deps: StandbyDeps): Standbys {
  const { clock, epoch, faults, keepMs, log, slots } = deps
  const waiting = new Map<string, Standby>()
  /** When each account last opened a session, epoch ms. */
  const openedAt = new Map<string, number>()
  /** Starts that are planned or on their way. */
  const coming = new Map<string, Cancel>()
  let closed = false

  const isExpected = (accountId: string): boolean => {
    const at = openedAt.get(accountId)
    return !closed && at !== undefined && clock.now() - at < keepMs
  }

  const plan = (accountId: string): void => {
    if (!isExpected(accountId) || waiting.has(accountId) || coming.has(accountId)) return
    const cancel = clock.after(SETTLE_MS, () => {
      start(accountId)
        .catch((error) => log.debug('no standby', { account: accountId, error: describe(error) }))
        .finally(() => coming.delete(accountId))
    })
    coming.set(accountId, cancel)
  }

  const start = async (accountId: string): Promise<void> => {
    if (!isExpected(accountId) || !faults.check(accountId).ok) return
    const slot = await slots.spare(accountId, clock.now() - IDLE_ENOUGH_MS)
    if (!slot) return
    const access = await deps
      .openAccess({ accountId, scopes: [], leased: false })
      .catch((error: unknown) => {
        slot.release()
        throw error
      })
    if (!access.ok || !isExpected(accountId)) {
      slot.release()
      if (access.ok) access.value.release()
      return
    }
    let owner: Adopter | undefined
    try {
      const child = deps.start({
        accountId,
        access: access.value,
        slot,
        epoch: epoch(accountId),
        unsolicited: (text, open) => owner?.unsolicited(text, open),
        nextAsk: () => owner?.nextAsk() ?? 0,
      })
      const standby: Standby = {
        child,
        access: access.value,
        adopted(by) {
          owner = by
        },
      }
      waiting.set(accountId, standby)
      void child.gone.then(() => {
        if (waiting.get(accountId) === standby) waiting.delete(accountId)
      })
    } catch (error) {
      access.value.release()
      slot.release()
      throw error
    }
  }

  const stop = (accountId: string): Promise<void> => {
    const standby = waiting.get(accountId)
    waiting.delete(accountId)
    standby?.child.giveWay()
    return standby?.child.stop('slept') ?? Promise.resolve()
  }

  return {
    take(order) {
      const { accountId } = order
      const standby = waiting.get(accountId)
      if (!standby) return undefined
      const { access, adopted, child } = standby
      const isGood = child.over === undefined && child.epoch === epoch(accountId)
      const leased = isGood ? access.lease(order) : undefined
      if (!leased?.ok) {
        // What this caller may not have, the next one may.
        if (leased?.error.kind !== 'operator') void stop(accountId)
        return undefined
      }
      waiting.delete(accountId)
      adopted(order)
      plan(accountId)
      return child
    },

    expect(accountId) {
      openedAt.set(accountId, clock.now())
      plan(accountId)
    },

    renew(accountId) {
      void stop(accountId)
      plan(accountId)
    },

    drop(accountId) {
      openedAt.delete(accountId)
      void stop(accountId)
    },

    *idle() {
      for (const accountId of [...waiting.keys()])
        yield { accountId, since: Number.NEGATIVE_INFINITY, yield: () => stop(accountId) }
    },

    reap(now) {
      for (const [accountId, at] of openedAt) {
        if (now - at < keepMs) continue
        openedAt.delete(accountId)
        void stop(accountId)
      }
    },

    close() {
      closed = true
      for (const cancel of coming.values()) cancel()
    },
  }
}
