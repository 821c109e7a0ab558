import type { Clock } from '../clock.ts'

/** Most requests upstream at once for one account, and in all: Bun lets 256 fetches run, and the vault needs its own. */
export const MAX_PER_ACCOUNT = 16
export const MAX_IN_ALL = 192
/** How long one request too many waits for its place, in milliseconds. */
export const MAX_WAIT_MS = 5_000
/** Most requests that wait; one more is refused at once. */
const MAX_WAITING = 1_024

/** Gives a place back; safe to call twice. */
export type Leave = () => void

export interface Limits {
  /** A place for one request of the account; undefined when none came free in time. */
  enter(accountId: string): Promise<Leave | undefined>
}

interface Waiting {
  accountId: string
  admit(leave: Leave): void
}

/** Bounded places for requests upstream; who waits is served in order, an account at its own bound is passed over. */
export function createLimits(clock: Clock): Limits {
  const perAccount = new Map<string, number>()
  const waiting = new Set<Waiting>()
  let inAll = 0

  const hasRoom = (accountId: string) =>
    inAll < MAX_IN_ALL && (perAccount.get(accountId) ?? 0) < MAX_PER_ACCOUNT

  const take = (accountId: string): Leave => {
    inAll++
    perAccount.set(accountId, (perAccount.get(accountId) ?? 0) + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      inAll--
      const rest = (perAccount.get(accountId) ?? 1) - 1
      if (rest === 0) perAccount.delete(accountId)
      else perAccount.set(accountId, rest)
      admitNext()
    }
  }

  const admitNext = () => {
    for (const next of waiting) {
      if (!hasRoom(next.accountId)) continue
      waiting.delete(next)
      next.admit(take(next.accountId))
      return
    }
  }

  return {
    enter(accountId) {
      if (hasRoom(accountId)) return Promise.resolve(take(accountId))
      if (waiting.size >= MAX_WAITING) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const cancel = clock.after(MAX_WAIT_MS, () => {
          waiting.delete(entry)
          resolve(undefined)
        })
        const entry: Waiting = {
          accountId,
          admit(leave) {
            cancel()
            resolve(leave)
          },
        }
        waiting.add(entry)
      })
    },
  }
}
