import { type Clock, HOUR_MS } from '../clock.ts'
import type { Log } from '../log.ts'
import { createOnce } from '../once.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/sessions.ts'

/** What a session does every day. */
export type DailyEvent = 'session.slept' | 'session.woke'

/** Writes down that sessions sleep and wake, each at most once an hour: the audit trail must not grow with their use. */
export interface Diary {
  note(event: DailyEvent, row: Readonly<SessionRow>): void
}

/** A diary over the audit trail. What cannot be written is let go: it is no reason to fail a call. */
export function createDiary(deps: { store: Pick<Store, 'audit'>; clock: Clock; log: Log }): Diary {
  const { store, clock, log } = deps
  const once = createOnce(clock, HOUR_MS)
  return {
    note(event, { idHash, accountId, clientId, familyId }) {
      if (!once.first(`${event} ${idHash}`)) return
      try {
        store.audit.add(clock.now(), { event, accountId, clientId, familyId, sessionHash: idHash })
      } catch (error) {
        log.debug('audit event could not be written', { event, error })
      }
    },
  }
}
