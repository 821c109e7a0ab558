import { hashToken, randomId } from '../crypto.ts'
import { impliedScopes, missingScopes } from '../scopes.ts'
import type { Store } from '../store/open.ts'
import { CODE_TTL_MS, mintCode } from './mint.ts'
import type { Pending } from './pending.ts'
import type { Policy } from './policy.ts'
import { commonScopes } from './standing.ts'
import type { StepUps } from './step-up.ts'

/**
 * Opens a family of its own for a login that came through, and returns its code (RFC 6749 §4.1.2), which lives 60 s
 * and is bound to the client, the redirect URI and the PKCE challenge of the request.
 */
export function openFamily(
  deps: {
    store: Store
    policy: Pick<Policy, 'scopesSupported'>
    stepUps: Pick<StepUps, 'opened'>
  },
  now: number,
  { row: { browserHash }, request }: Pending,
  accountId: string,
): string {
  const { store, policy, stepUps } = deps
  const { clientId, back, scopes, resource, codeChallenge } = request
  const code = mintCode()
  const familyId = randomId('family')
  store.transaction(() => {
    const cap = policy.scopesSupported
    const grantId = openGrant(store, now, { accountId, clientId, scopes, cap })
    store.families.add(now, { id: familyId, grantId, scopes, resource })
    store.tokens.addCode(now, {
      codeHash: hashToken(code),
      familyId,
      clientId,
      redirectUri: back.redirectUri,
      codeChallenge,
      expiresAt: now + CODE_TTL_MS,
    })
    store.clients.touch(now, clientId)
    const reason = scopes.join(' ')
    store.audit.add(now, { event: 'login.completed', accountId, clientId, familyId, reason })
  })
  stepUps.opened({ clientId, browserHash }, { id: familyId, accountId, scopes })
  return code
}

/**
 * The grant under which a login opens its family; returns its id. A first login makes it, with `cap`. A later one
 * leaves it as it is, unless its user has now consented to more: then the cap grows, and every earlier family is
 * first cut to what it could do until now, so that one login widens no other. Call it inside a transaction.
 */
function openGrant(
  store: Store,
  now: number,
  login: {
    accountId: string
    clientId: string
    scopes: readonly string[]
    cap: readonly string[]
  },
): string {
  const { accountId, clientId, scopes, cap } = login
  const grant = store.grants.findLive(accountId, clientId)
  if (!grant)
    return store.grants.add(now, { id: randomId('grant'), accountId, clientId, scopes: cap }).id

  const held = impliedScopes(grant.scopes)
  const added = missingScopes(held, impliedScopes(scopes))
  if (added.length === 0) return grant.id
  for (const family of store.families.liveOfGrant(grant.id))
    store.families.setScopes(family.id, commonScopes(family.scopes, grant.scopes))
  store.grants.setScopes(now, grant.id, [...held, ...added])
  return grant.id
}
