import { HOUR_MS } from '../clock.ts'
import { hashToken } from '../crypto.ts'
import { OAuthError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { createOnce } from '../once.ts'
import type { Store } from '../store/open.ts'
import { type TokenResponse, USED_CODE_MS } from './mint.ts'
import { checkRepeated, param, requiredParam } from './params.ts'
import { revokeToken } from './revoke.ts'
import { codeGrant } from './token-code.ts'
import type { GrantType, TokenDeps } from './token-grant.ts'
import { refreshGrant } from './token-refresh.ts'

export interface Tokens {
  /** The token endpoint (RFC 6749 §3.2). Throws OAuthError. */
  exchange(form: URLSearchParams): Promise<TokenResponse>
  /** The revocation endpoint (RFC 7009 §2). Throws OAuthError; returns for a token that is not known. */
  revoke(form: URLSearchParams): void
}

const GRANT_TYPES: readonly GrantType[] = [codeGrant, refreshGrant]

/** The token and the revocation endpoint. */
export function createTokens(deps: TokenDeps & { log: Log; metrics: Metrics }): Tokens {
  const { store, policy, metrics, log, clock } = deps
  const once = createOnce(clock, HOUR_MS)
  const codeReused = createOnce(clock, USED_CODE_MS)

  /** A client that is turned away although its login goes on finds that in its history, once an hour. */
  const exchangeNoted = (grant: GrantType, form: URLSearchParams, clientId: string) => {
    try {
      return grant.exchange({ ...deps, codeReused }, form, clientId)
    } catch (error) {
      const reason = error instanceof OAuthError ? error.options.detail : undefined
      const row =
        store.tokens.findRefresh(hashToken(param(form, 'refresh_token') ?? '')) ??
        store.tokens.findCode(hashToken(param(form, 'code') ?? ''))
      if (reason !== undefined && row?.familyRevokedAt === null) {
        const { accountId, familyId } = row
        const about = { accountId, clientId: row.clientId, familyId, reason }
        if (once.first(`${familyId} ${reason}`))
          store.audit.add(clock.now(), { event: 'token.refused', ...about })
      }
      throw error
    }
  }

  return {
    async exchange(form) {
      checkRepeated(form)
      const grant = checkGrantType(form, policy.grantTypes)
      const clientId = checkClient(store, form)
      const answer = exchangeNoted(grant, declared(form, grant.parameters), clientId)
      metrics.tokens.inc({ grant_type: grant.name })
      log.debug('tokens issued', { client_id: clientId, grant_type: grant.name })
      return answer
    },
    revoke: (form) => revokeToken(deps, form),
  }
}

/** RFC 6749 §5.2 `unsupported_grant_type`. */
function checkGrantType(form: URLSearchParams, supported: readonly string[]): GrantType {
  const name = requiredParam(form, 'grant_type')
  const grant = GRANT_TYPES.find((type) => type.name === name)
  if (!grant || !supported.includes(name))
    throw new OAuthError('unsupported_grant_type', 'the grant type is not supported')
  return grant
}

/**
 * RFC 6749 §3.2.1: a public client names itself. Unknown and revoked ones get `invalid_client`, upon which real
 * clients register anew. A metadata document is not fetched again here: its client was judged at the login.
 */
function checkClient(store: Store, form: URLSearchParams): string {
  const clientId = requiredParam(form, 'client_id')
  const client = store.clients.get(clientId)
  if (!client || client.revokedAt !== null)
    throw new OAuthError('invalid_client', 'the client is not known', {
      detail: client ? 'the client is revoked' : 'no such client',
    })
  return clientId
}

/** The form without anything that the grant type did not declare. */
function declared(form: URLSearchParams, names: readonly string[]): URLSearchParams {
  return new URLSearchParams([...form].filter(([name]) => names.includes(name)))
}
