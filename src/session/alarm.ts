import { type Clock, MINUTE_MS } from '../clock.ts'
import type { Log } from '../log.ts'
import { createOnce } from '../once.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'

/**
 * Writes down that a caller brought a `requestState` which was not made for its request: altered, or of somebody else.
 * Once a minute for each login, so that the trail cannot be flooded.
 */
export function createAlarm(deps: {
  store: Pick<Store, 'audit'>
  clock: Clock
  log: Log
}): (caller: Caller) => void {
  const { clock, log, store } = deps
  const once = createOnce(clock, MINUTE_MS)
  return ({ accountId, clientId, familyId }) => {
    if (!once.first(familyId)) return
    const reason = 'the state was altered, or made for another request or caller'
    try {
      store.audit.add(clock.now(), {
        event: 'state.refused',
        accountId,
        clientId,
        familyId,
        reason,
      })
    } catch (error) {
      log.warn('an audit event could not be written', { audited: 'state.refused', reason, error })
    }
  }
}
