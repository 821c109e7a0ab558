import type { Log } from '../log.ts'
import type { Diary } from './diary.ts'
import { Seat } from './seat.ts'
import { type Sleeper, type WakeDeps, wake } from './wake.ts'

export interface SeatingDeps extends WakeDeps {
  diary: Diary
  callTimeoutMs: number
  /** How many of the account's credentials have come so far; a child with an earlier one is outdated. */
  epoch(accountId: string): number
}

/** The place for the child that serves a session under one set of scopes. */
export function createSeat(
  session: Sleeper,
  scopes: readonly string[],
  deps: SeatingDeps,
  log: Log,
): Seat {
  const { row } = session
  return new Seat({
    scopes,
    async start(reason, spawned) {
      const started = await wake(session, scopes, reason, spawned, deps)
      if (started.ok && reason === 'wake') deps.diary.note('session.woke', row)
      return started
    },
    slept: () => deps.diary.note('session.slept', row),
    outdated: (child) => child.epoch < deps.epoch(row.accountId),
    drainMs: deps.callTimeoutMs,
    refused: (event, reason) => log.debug('event does not fit the seat', { event, reason }),
  })
}
