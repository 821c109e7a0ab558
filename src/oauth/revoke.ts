import type { Clock } from '../clock.ts'
import { hashToken } from '../crypto.ts'
import { OAuthError } from '../errors.ts'
import type { Standing } from '../store/families.ts'
import type { Store } from '../store/open.ts'
import type { OAuthEvents } from './events.ts'
import { checkRepeated, param, requiredParam } from './params.ts'

/** Ends what was granted: each writes the fact and its audit row in one transaction, then tells the broker. */
export interface Revocation {
  /** Ends one login and the sessions it opened; false when it had ended before. */
  revokeFamily(familyId: string, reason: string): boolean
  /** Ends a client's whole grant with all its logins; false when it had ended before. */
  revokeGrant(grantId: string, reason: string): boolean
  /** Ends a client and every grant it has; false when there is none, or it had ended before. */
  revokeClient(clientId: string, reason: string): boolean
  /** Ends every login of an account: Forgejo's user took the broker's own authorization away. Grants stay as caps; browsers are signed out. */
  endAccount(accountId: string, reason: string): void
}

/** Revocation over a store; in a process without sessions `events` may do nothing. */
export function createRevocation(deps: {
  store: Store
  clock: Clock
  events: OAuthEvents
}): Revocation {
  const { store, clock, events } = deps
  const tell = (familyIds: readonly string[], reason: string) => {
    for (const id of familyIds) events.familyEnded(id, reason)
  }
  /** Inside a transaction: ends a grant and returns the families that ended with it; undefined when it had ended. */
  const endGrant = (now: number, grantId: string, reason: string): string[] | undefined => {
    const grant = store.grants.revoke(now, grantId, reason)
    if (!grant) return undefined
    const { accountId, clientId } = grant
    store.audit.add(now, { event: 'grant.revoked', accountId, clientId, reason })
    return store.families.revokeOfGrant(now, grantId, reason)
  }
  return {
    revokeFamily(familyId, reason) {
      const now = clock.now()
      const ended = store.transaction(() => {
        if (!store.families.revoke(now, familyId, reason)) return false
        const grant = store.grants.find(store.families.find(familyId)?.grantId ?? '')
        store.audit.add(now, {
          event: 'family.revoked',
          accountId: grant?.accountId ?? null,
          clientId: grant?.clientId ?? null,
          familyId,
          reason,
        })
        return true
      })
      if (ended) tell([familyId], reason)
      return ended
    },

    revokeGrant(grantId, reason) {
      const ended = store.transaction(() => endGrant(clock.now(), grantId, reason))
      tell(ended ?? [], reason)
      return ended !== undefined
    },

    revokeClient(clientId, reason) {
      const now = clock.now()
      const ended = store.transaction(() => {
        if (!store.clients.revoke(now, clientId)) return undefined
        store.audit.add(now, { event: 'client.revoked', clientId, reason })
        return store.grants.list({ clientId }).flatMap(({ id }) => endGrant(now, id, reason) ?? [])
      })
      tell(ended ?? [], reason)
      return ended !== undefined
    },

    endAccount(accountId, reason) {
      const now = clock.now()
      tell(
        store.transaction(() => endLogins(store, now, accountId, reason)),
        reason,
      )
    },
  }
}

/** Why the logins of an account end whose user took the broker's authorization away. */
export const REVOKED_UPSTREAM = 'revoked at Forgejo'

/** Inside a transaction: ends every login of an account, browsers included; returns the families that ended. */
export function endLogins(store: Store, now: number, accountId: string, reason: string): string[] {
  const ids = store.families.revokeOfAccount(now, accountId, reason)
  store.pages.removeOfAccount(accountId)
  if (ids.length > 0) store.audit.add(now, { event: 'account.ended', accountId, reason })
  return ids
}

/**
 * The revocation endpoint (RFC 7009 §2): any token of a family ends that family and the sessions it opened; a token
 * that we do not know is no error (§2.2). Throws OAuthError `invalid_request`, `invalid_client` for a client that
 * does not exist, `unauthorized_client` for another client's token (§2.1).
 */
export function revokeToken(
  deps: { store: Store; revocation: Revocation },
  form: URLSearchParams,
): void {
  const { store, revocation } = deps
  checkRepeated(form)
  const token = requiredParam(form, 'token')
  const clientId = param(form, 'client_id')
  if (clientId !== undefined && !store.clients.get(clientId))
    throw new OAuthError('invalid_client', 'the client is not known')
  const tokenHash = hashToken(token)
  const found: Standing | undefined =
    store.tokens.findRefresh(tokenHash) ?? store.tokens.findAccess(tokenHash)
  if (!found) return
  if (clientId !== undefined && clientId !== found.clientId)
    throw new OAuthError('unauthorized_client', 'the token was issued to another client')
  revocation.revokeFamily(found.familyId, 'revoked by the client')
}
