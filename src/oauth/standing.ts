import { covers, impliedScopes, plainScopes } from '../scopes.ts'
import type { Standing } from '../store/families.ts'
import { isAllowed } from './allowed.ts'

/** Why a family's tokens are no good, whatever their age. */
export type StandingProblem = 'revoked' | 'not-allowed'

/** Judges a family with its grant, client and user; undefined when nothing is against it. */
export function standingProblem(
  row: Standing,
  allowedUsers: readonly string[],
): StandingProblem | undefined {
  if (row.familyRevokedAt !== null || row.grantRevokedAt !== null || row.clientRevokedAt !== null)
    return 'revoked'
  return isAllowed(allowedUsers, row) ? undefined : 'not-allowed'
}

/** The scopes that two sets both give, in order, `read:` counted where `write:` implies it and `all` where it is held. */
export function commonScopes(one: readonly string[], other: readonly string[]): string[] {
  if (other.includes('all')) return impliedScopes(one).sort()
  if (one.includes('all')) return impliedScopes(other).sort()
  const allowed = new Set(impliedScopes(other))
  return impliedScopes(one)
    .filter((scope) => allowed.has(scope))
    .sort()
}

/** What a caller may do: family ∩ grant. */
export const effectiveScopes = (row: Pick<Standing, 'familyScopes' | 'grantScopes'>): string[] =>
  commonScopes(row.familyScopes, row.grantScopes)

/** The same as a token response says it (RFC 6749 §5.1): in the words of the login while its grant allows them all. */
export function grantedScope(row: Pick<Standing, 'familyScopes' | 'grantScopes'>): string {
  const { familyScopes, grantScopes } = row
  const scopes = covers(grantScopes, familyScopes)
    ? familyScopes
    : plainScopes(effectiveScopes(row))
  return scopes.join(' ')
}
