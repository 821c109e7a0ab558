import type { Config } from '../config.ts'
import { OAuthError } from '../errors.ts'
import type { Once } from '../once.ts'
import type { Standing } from '../store/families.ts'
import type { MintDeps, TokenResponse } from './mint.ts'
import type { Policy } from './policy.ts'
import type { Revocation } from './revoke.ts'
import { standingProblem } from './standing.ts'
import type { Vault } from './vault.ts'

/** What the handlers of the token endpoint work with. */
export interface TokenDeps extends MintDeps {
  policy: Policy
  vault: Pick<Vault, 'peek'>
  revocation: Revocation
  /** Told of each family whose tokens were refreshed. */
  refreshed?(familyId: string): void
  config: Pick<Config, 'accessTokenTtlMs' | 'refreshTokenTtlMs' | 'refreshGraceMs' | 'allowedUsers'>
}

/** What one of them works with besides. */
interface GrantDeps extends TokenDeps {
  /** Whether a login's code comes again for the first time. */
  codeReused: Once
}

/** One grant type of the token endpoint: the parameters it reads, and what it does with them. */
export interface GrantType {
  readonly name: 'authorization_code' | 'refresh_token'
  /** Everything else in the form is dropped before `exchange` sees it. */
  readonly parameters: readonly string[]
  /** Throws OAuthError. Validates everything first; then consumes, mints and stores in one transaction. */
  exchange(deps: GrantDeps, form: URLSearchParams, clientId: string): TokenResponse
}

/** An `invalid_grant` that tells the client no more than that; `detail` is for the log. */
export const invalidGrant = (detail: string): OAuthError =>
  new OAuthError('invalid_grant', 'the grant is not valid', { detail })

/**
 * Whether tokens may be given out for a family now: nothing revoked, its user allowed, its account's credential alive.
 * Throws `invalid_grant` otherwise, and changes nothing: a login at Forgejo heals a dead credential.
 */
export function checkStanding(deps: TokenDeps, row: Standing): void {
  const problem = standingProblem(row, deps.config.allowedUsers)
  if (problem) throw invalidGrant(problem)
  const credential = deps.vault.peek(row.accountId)
  if (credential.kind === 'dead')
    throw invalidGrant(`the account must log in to Forgejo again: ${credential.reason}`)
}

/** RFC 8707 §2.2: a resource that is named must be ours; when none is, the one of the login is inherited. */
export function checkResources(policy: Policy, form: URLSearchParams): void {
  for (const resource of form.getAll('resource')) {
    if (resource !== '' && !policy.isOurResource(resource))
      throw new OAuthError('invalid_target', 'the resource is not one of this server')
  }
}
