import { type Clock, DAY_MS, MINUTE_MS, SECOND_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { hashToken, randomToken, type TokenHash } from '../crypto.ts'
import type { Store } from '../store/open.ts'

/** How long an authorization code lives (RFC 6749 §4.1.2 allows ten minutes; a browser needs seconds). */
export const CODE_TTL_MS = MINUTE_MS
/** How long a used code stays known, so that its second use is seen. */
export const USED_CODE_MS = DAY_MS

const ACCESS_PREFIX = 'fjat_'
const REFRESH_PREFIX = 'fjrt_'
const CODE_PREFIX = 'fjco_'

/** The shape of our access tokens; anything else is not worth hashing. */
export const ACCESS_TOKEN = /^fjat_[A-Za-z0-9_-]{43}$/

/** A successful answer of the token endpoint (RFC 6749 §5.1). */
export interface TokenResponse {
  access_token: string
  token_type: 'Bearer'
  /** Seconds. */
  expires_in: number
  refresh_token: string
  scope: string
}

/** A new access token and the refresh token beside it. */
export interface TokenPair {
  access: string
  accessHash: TokenHash
  /** Epoch ms. */
  accessExpiresAt: number
  refresh: string
  refreshHash: TokenHash
}

export interface MintDeps {
  store: Store
  clock: Clock
  config: Pick<Config, 'accessTokenTtlMs' | 'refreshTokenTtlMs'>
}

/** A new authorization code; only its hash may be stored. */
export const mintCode = (): string => randomToken(CODE_PREFIX)

/** Mints an access token for a family at `now` and stores its hash. Call it inside a transaction. */
export function mintAccess({ store, config }: MintDeps, now: number, familyId: string) {
  const access = randomToken(ACCESS_PREFIX)
  const accessHash = hashToken(access)
  const accessExpiresAt = now + config.accessTokenTtlMs
  store.tokens.addAccess(now, { tokenHash: accessHash, familyId, expiresAt: accessExpiresAt })
  return { access, accessHash, accessExpiresAt }
}

/** Mints both tokens for a family at `now` and stores their hashes. Call it inside a transaction. */
export function mintPair(deps: MintDeps, now: number, familyId: string): TokenPair {
  const refresh = randomToken(REFRESH_PREFIX)
  const refreshHash = hashToken(refresh)
  deps.store.tokens.addRefresh(now, {
    tokenHash: refreshHash,
    familyId,
    expiresAt: now + deps.config.refreshTokenTtlMs,
  })
  return { ...mintAccess(deps, now, familyId), refresh, refreshHash }
}

/** The answer that hands a pair over at `now`. */
export const tokenResponse = (
  now: number,
  pair: Pick<TokenPair, 'access' | 'accessExpiresAt' | 'refresh'>,
  scope: string,
): TokenResponse => ({
  access_token: pair.access,
  token_type: 'Bearer',
  expires_in: Math.floor((pair.accessExpiresAt - now) / SECOND_MS),
  refresh_token: pair.refresh,
  scope,
})
