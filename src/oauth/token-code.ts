import { hashToken, sameSecret } from '../crypto.ts'
import { mintPair, tokenResponse } from './mint.ts'
import { requiredParam } from './params.ts'
import { verifierMatches } from './pkce.ts'
import { grantedScope } from './standing.ts'
import { checkResources, checkStanding, type GrantType, invalidGrant } from './token-grant.ts'

/** The authorization code grant (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.5). */
export const codeGrant: GrantType = {
  name: 'authorization_code',
  parameters: ['code', 'redirect_uri', 'code_verifier', 'resource'],

  exchange(deps, form, clientId) {
    const { store, clock, policy, revocation, codeReused } = deps
    const now = clock.now()
    const codeHash = hashToken(requiredParam(form, 'code'))
    const redirectUri = requiredParam(form, 'redirect_uri')
    const verifier = requiredParam(form, 'code_verifier')

    const code = store.tokens.findCode(codeHash)
    if (!code) throw invalidGrant('no such code')
    const { accountId, familyId } = code
    // RFC 6749 §4.1.2: who comes second may be the thief or the robbed; both lose.
    if (code.consumedAt !== null) {
      const reason = 'an authorization code was used twice'
      // Also when the login has ended meanwhile. Once: whoever has the code could fill the audit trail with it.
      if (codeReused.first(familyId))
        store.audit.add(now, { event: 'code.reused', accountId, clientId, familyId, reason })
      revocation.revokeFamily(familyId, reason)
      throw invalidGrant('the code was used before')
    }
    if (code.expiresAt <= now) throw invalidGrant('the code has expired')
    if (code.clientId !== clientId) throw invalidGrant('the code was issued to another client')
    if (!sameSecret(code.redirectUri, redirectUri))
      throw invalidGrant('the redirect URI is not the one of the request')
    if (!verifierMatches(verifier, code.codeChallenge))
      throw invalidGrant('the code verifier does not match')
    checkResources(policy, form)
    checkStanding(deps, code)

    const pair = store.transaction(() => {
      if (!store.tokens.consumeCode(now, codeHash)) return undefined
      store.families.touch(now, familyId)
      store.clients.touch(now, clientId)
      store.audit.add(now, { event: 'token.issued', accountId, clientId, familyId })
      return mintPair(deps, now, familyId)
    })
    if (!pair) throw invalidGrant('the code was used before')
    return tokenResponse(now, pair, grantedScope(code))
  },
}
