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
  /**
   * Takes a slot for a child that nobody waits for: a free one, else that of the account's longest idle child if it is
   * idle since before `before` (epoch ms). Undefined when there is neither.
   */
  spare(accountId: string, before: number): Promise<Slot | undefined>
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

  const accountIsFull = (accountId: string) =>
    limits.perAccount > 0 && (perAccount.get(accountId) ?? 0) >= limits.perAccount
  const isFull = (accountId: string) =>
    accountIsFull(accountId) || (limits.total > 0 && total >= limits.total)

  const longestIdle = (may: (one: Idle) => boolean): Idle | undefined => {
    let longest: Idle | undefined
    for (const one of idle()) if (may(one) && (!longest || one.since < longest.since)) longest = one
    return longest
  }

  /**
   * Takes a slot in place of whatever idle children have to go for it; undefined when `victim` finds none. A victim's
   * place is ours from the moment it is chosen: no other start can come in between.
   */
  const takeFrom = async (accountId: string, victim: () => Idle | undefined) => {
    const gone: Promise<void>[] = []
    while (isFull(accountId)) {
      const chosen = victim()
      if (!chosen) return undefined
      const before = total
      gone.push(chosen.yield())
      if (total >= before) throw new Error('an idle child kept its slot')
    }
    const slot = takeOver(accountId)
    await Promise.all(gone)
    return slot
  }

  return {
    async take(accountId) {
      const mayGo = (one: Idle) => !accountIsFull(accountId) || one.accountId === accountId
      const slot = await takeFrom(accountId, () => longestIdle(mayGo))
      if (slot) return ok(slot)
      const reason = accountIsFull(accountId)
        ? 'every child of this account is busy'
        : 'every child of the broker is busy'
      return refuse('full', reason, FULL_RETRY_MS)
    },
    spare: (accountId, before) =>
      takeFrom(accountId, () =>
        longestIdle((one) => one.accountId === accountId && one.since < before),
      ),
    takeOver,
    get taken() {
      return total
    },
  }
}
