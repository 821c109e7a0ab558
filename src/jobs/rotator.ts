import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { eachLimited } from '../oauth/limited.ts'
import type { Vault } from '../oauth/vault.ts'

/** Refreshes sent at once: a Forgejo refresh takes about 0.1 s of its processor (forgejo.md A6). */
const WIDTH = 4

export interface RotatorDeps {
  vault: Pick<Vault, 'due' | 'peek' | 'renew' | 'adoptStranded'>
  /** Accounts with running children. */
  active(): ReadonlySet<string>
  clock: Clock
  log: Log
}

/**
 * Renews the Forgejo tokens that are about to end, and takes in what interrupted logins left. A failure is the
 * vault's to record and to space out; one account's never keeps another waiting.
 */
export function createRotator({ vault, active, clock, log }: RotatorDeps): {
  runOnce(now: number): Promise<void>
} {
  return {
    async runOnce(now) {
      await vault.adoptStranded()
      // With the token as it is now: one that a login replaces before its turn comes is left alone.
      const due = vault.due(now, active()).map((accountId) => {
        const held = vault.peek(accountId)
        return { accountId, token: held.kind === 'ready' ? held.token : undefined }
      })
      await eachLimited(due, WIDTH, async ({ accountId, token }) => {
        const credential = await vault.renew(accountId, token)
        if (credential.kind === 'later')
          log.debug('not renewed', { account_id: accountId, why: credential.reason })
      })
      if (due.length > 0)
        log.debug('forgejo tokens renewed', { due: due.length, took_ms: clock.now() - now })
    },
  }
}
