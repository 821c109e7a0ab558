import type { Config } from '../config.ts'
import { withoutSecrets } from '../log.ts'
import type { Vault } from '../oauth/vault.ts'
import { err, ok, type Result } from '../result.ts'
import {
  type AccessRefusal,
  type AccessRequest,
  type ChildAccess,
  readyCredential,
} from './access.ts'
import type { Credentials } from './heal.ts'

/** Gives children the account's own token (`--child-credential token`): they reach Forgejo themselves. */
export interface DirectAccess {
  /** Opens the access of one child; its token is the account's current one and never changes. */
  open(request: AccessRequest): Promise<Result<ChildAccess, AccessRefusal>>
}

/**
 * Access without the relay. Nothing stands between such a child and Forgejo, so a family whose scopes are narrower
 * than the vault's gets none.
 */
export function createDirectAccess(deps: {
  config: Pick<Config, 'forgejoInternalUrl' | 'forgejoScopes'>
  vault: Credentials & Pick<Vault, 'suspected'>
}): DirectAccess {
  const { config, vault } = deps
  /** The last token of each account that Forgejo was found to refuse. */
  const refused = new Map<string, string>()

  const lease = (scopes: readonly string[]): Result<void, AccessRefusal> => {
    const missing = config.forgejoScopes.filter((scope) => !holds(scopes, scope))
    if (missing.length === 0) return ok(undefined)
    return err({
      kind: 'operator',
      reason: `a child with the account's own token cannot be kept from ${missing.join(' ')}`,
    })
  }

  return {
    async open({ accountId, scopes, leased }) {
      const may = leased ? lease(scopes) : ok(undefined)
      if (!may.ok) return may
      const credential = await readyCredential(vault, accountId)
      if (!credential.ok) return credential
      const { token } = credential.value
      const secrets = () => [...new Set([token, ...vault.secrets(accountId)])]
      return ok({
        url: config.forgejoInternalUrl,
        credential: token,
        env: {},
        secrets,
        clean: (text) => withoutSecrets(text, secrets()),
        lease: ({ scopes }) => lease(scopes),
        async doubt() {
          const now = await vault.suspected(accountId, token)
          const isOver = now.kind === 'dead' || (now.kind === 'ready' && now.token !== token)
          if (isOver) refused.set(accountId, token)
          return isOver
        },
        refused: () => refused.get(accountId) === token,
        release: () => {},
      })
    },
  }
}

/** Whether the scopes include `scope`, which `write:` does for the `read:` of the same name (forgejo.md A10). */
const holds = (scopes: readonly string[], scope: string): boolean =>
  scopes.includes(scope) || scopes.includes(scope.replace(/^read:/, 'write:'))
