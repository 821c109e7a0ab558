import { MINUTE_MS } from '../clock.ts'
import { createSealer, hashToken, keyFromToken, type Sealed } from '../crypto.ts'
import { type RefreshRow, type Successor, successorContext } from '../store/tokens.ts'
import { mintAccess, mintPair, type TokenPair, tokenResponse } from './mint.ts'
import { requiredParam } from './params.ts'
import { grantedScope } from './standing.ts'
import {
  checkResources,
  checkStanding,
  type GrantType,
  invalidGrant,
  type TokenDeps,
} from './token-grant.ts'

/** An access token with less life than this is minted anew when its answer is given again: clients would refresh at once. */
const MIN_LIFE_MS = MINUTE_MS

/** What is kept, sealed, of the answer that superseded a token. */
type Kept = Pick<TokenPair, 'access' | 'accessExpiresAt' | 'refresh'>

/** The refresh token grant (RFC 6749 §6) with rotation. A `scope` is not read: the login's scopes are answered. */
export const refreshGrant: GrantType = {
  name: 'refresh_token',
  parameters: ['refresh_token', 'resource'],

  exchange(deps, form, clientId) {
    const { store, clock, policy, revocation, config } = deps
    const now = clock.now()
    const presented = requiredParam(form, 'refresh_token')
    const row = store.tokens.findRefresh(hashToken(presented))
    if (!row) throw invalidGrant('no such refresh token')
    if (row.clientId !== clientId) throw invalidGrant('the token was issued to another client')
    // Whatever is answered now, the holder has shown that this token reached it.
    if (row.presentedAt === null) store.tokens.markRefresh(now, row.tokenHash)
    checkResources(policy, form)
    checkStanding(deps, row)
    if (row.expiresAt <= now) throw invalidGrant('the refresh token has expired')

    deps.refreshed?.(row.familyId)
    if (row.supersededAt === null) return rotate(deps, now, presented, row)
    if (now - row.supersededAt <= config.refreshGraceMs || !successorSeen(deps, row))
      return answerAgain(deps, now, presented, row)

    const { accountId, familyId } = row
    const reason = 'a superseded refresh token was used again'
    store.audit.add(now, { event: 'token.reused', accountId, clientId, familyId, reason })
    revocation.revokeFamily(familyId, reason)
    throw invalidGrant(reason)
  },
}

/** Supersedes a current refresh token: both tokens are new, and its own life starts again. */
function rotate(deps: TokenDeps, now: number, presented: string, row: RefreshRow) {
  const { store } = deps
  const { accountId, clientId, familyId } = row
  const pair = store.transaction(() => {
    const minted = mintPair(deps, now, familyId)
    if (!store.tokens.supersede(now, row.tokenHash, keep(presented, row, minted)))
      throw new Error('a refresh token was superseded while it was being rotated')
    store.families.touch(now, familyId)
    store.clients.touch(now, clientId)
    store.audit.add(now, { event: 'token.refreshed', accountId, clientId, familyId })
    return minted
  })
  return tokenResponse(now, pair, grantedScope(row))
}

/** Gives the answer that superseded this token once more: its first copy was lost, or two asked at once. */
function answerAgain(deps: TokenDeps, now: number, presented: string, row: RefreshRow) {
  const { store, config } = deps
  const { accountId, clientId, familyId } = row
  const kept = recall(presented, row)
  if (!kept) throw invalidGrant('the answer that superseded the token cannot be opened')
  const worthLess = Math.min(MIN_LIFE_MS, config.accessTokenTtlMs / 2)
  const pair = store.transaction(() => {
    store.audit.add(now, {
      event: 'token.refreshed',
      accountId,
      clientId,
      familyId,
      reason: 'answered again',
    })
    if (kept.accessExpiresAt - now > worthLess) return kept
    const renewed = { ...mintAccess(deps, now, familyId), refresh: kept.refresh }
    store.tokens.replaceSuccessor(
      row.tokenHash,
      keep(presented, row, { ...renewed, refreshHash: hashToken(kept.refresh) }),
    )
    return renewed
  })
  return tokenResponse(now, pair, grantedScope(row))
}

/** Whether one of the tokens that came after this one was ever shown to us. */
function successorSeen({ store }: TokenDeps, row: RefreshRow): boolean {
  const { successorHash: refresh, successorAccessHash: access } = row
  return refresh === null || access === null || store.tokens.wasPresented({ refresh, access })
}

/** Only whoever holds the superseded token itself can open what is kept beside it. */
const successorSealer = (presented: string) =>
  createSealer([keyFromToken(presented, 'refresh successor')])

function keep(presented: string, row: RefreshRow, pair: TokenPair): Successor {
  const { access, accessExpiresAt, refresh } = pair
  const kept: Kept = { access, accessExpiresAt, refresh }
  return {
    successorHash: pair.refreshHash,
    successorAccessHash: pair.accessHash,
    sealedSuccessor: successorSealer(presented).seal(
      JSON.stringify(kept),
      successorContext(row.tokenHash),
    ),
  }
}

function recall(presented: string, row: RefreshRow): Kept | undefined {
  const sealed: Sealed | null = row.sealedSuccessor
  if (sealed === null) return undefined
  const text = successorSealer(presented).open(sealed, successorContext(row.tokenHash))
  return text === undefined ? undefined : (JSON.parse(text) as Kept)
}
