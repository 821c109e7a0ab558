import { ok, type Result } from '../result.ts'
import { type Refusal, refuse } from './refusal.ts'

/** The right to run one child. */
export interface Slot {
  readonly accountId: string
  /** Gives it back; safe to call twice. */
  release(): void
}

/** A child that may be put to sleep to make room. */
export interface Idle {
  readonly accountId: string
  /** When it was last used, epoch ms. */
  readonly since: number
  /** Gives the child's slot back at once and puts it to sleep; resolves when the process is gone. */
  yield(): Promise<void>
}

export interface SlotLimits {
  /** Children in all; 0 = no cap. */
  total: number
  perAccount: number
}

/** What a client is told to wait when every child is busy, in ms: a call may be over by then. */
const FULL_RETRY_MS = 5_000

export interface Slots {
  /**
   * Takes a slot, putting the longest idle child that stands in the way to sleep first; `full` when there is none.
   * Resolves when the room is real: the slept child's process is gone.
   */
  take(accountId: string): Promise<Result<Slot, Refusal>>
  /** Takes a slot whether there is room or not: a successor, whose predecessor goes in a moment. */
  takeOver(accountId: string): Slot
  readonly taken: number
}

/** Counts running children, those being started included. `idle` lists who could be put to sleep now. */
export function createSlots(limits: SlotLimits, idle: () => Iterable<Idle>): Slots {
  const perAccount = new Map<string, number>()
  let total = 0

  const takeOver = (accountId: string): Slot => {
    total++
    perAccount.set(accountId, (perAccount.get(accountId) ?? 0) + 1)
    let held = true
    return {
      accountId,
      release() {
        if (!held) return
        held = false
        total--
        const left = (perAccount.get(accountId) ?? 0) - 1
        if (left > 0) perAccount.set(accountId, left)
        else perAccount.delete(accountId)
      },
    }
  }

  const longestIdle = (accountId: string | undefined): Idle | undefined => {
    let longest: Idle | undefined
    for (const one of idle()) {
      if (accountId !== undefined && one.accountId !== accountId) continue
      if (!longest || one.since < longest.since) longest = one
    }
    return longest
  }

  const accountIsFull = (accountId: string) =>
    limits.perAccount > 0 && (perAccount.get(accountId) ?? 0) >= limits.perAccount

  return {
    async take(accountId) {
      const gone: Promise<void>[] = []
      // The victim's place is ours from the moment it is chosen: no other start can come in between.
      while (accountIsFull(accountId) || (limits.total > 0 && total >= limits.total)) {
        const full = accountIsFull(accountId)
        const victim = longestIdle(full ? accountId : undefined)
        if (!victim) {
          const reason = full
            ? 'every child of this account is busy'
            : 'every child of the broker is busy'
          return refuse('full', reason, FULL_RETRY_MS)
        }
        const before = total
        gone.push(victim.yield())
        if (total >= before) throw new Error('an idle child kept its slot')
      }
      const slot = takeOver(accountId)
      await Promise.all(gone)
      return ok(slot)
    },
    takeOver,
    get taken() {
      return total
    },
  }
}
