import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/open.ts'

/** Tells the operator that Forgejo refuses the broker itself: once, until something goes well again. */
export interface Alarm {
  raise(detail: string): void
  clear(): void
}

/** A quiet alarm. */
export function createAlarm(deps: { store: Store; clock: Clock; log: Log }): Alarm {
  let raised = false
  return {
    raise(detail) {
      if (raised) return
      raised = true
      const hint =
        'check the OAuth application in Forgejo: its client id, its secret, and the redirect URI <public-url>/oauth/callback'
      deps.log.error('forgejo refuses the broker itself', { detail, hint })
      deps.store.audit.add(deps.clock.now(), { event: 'forgejo.refused', reason: detail })
    },
    clear() {
      if (raised) deps.log.info('forgejo accepts the broker again')
      raised = false
    },
  }
}
