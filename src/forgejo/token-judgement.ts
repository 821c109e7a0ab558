import { DAY_MS, HOUR_MS, SECOND_MS } from '../clock.ts'
import { err, ok, type Result } from '../result.ts'
import {
  type AgainReason,
  cleanDetail,
  readNetworkError,
  type TokenPair,
  type UpstreamFailure,
} from './outcome.ts'
import type { TokenAnswer } from './token-endpoint.ts'

/** The lifetime of an access token of which Forgejo says none that makes sense: its own default. */
const DEFAULT_LIFETIME_MS = HOUR_MS
/** The lifetime of a refresh token that does not tell its own: Forgejo's default of 730 hours. */
const DEFAULT_REFRESH_LIFETIME_MS = 730 * HOUR_MS
/** No token is believed to live longer: keeps every sum of times a sane number. */
const MAX_LIFETIME_MS = 365 * DAY_MS
/** No token is believed to live shorter: else it would have ended before it was stored. */
const MIN_LIFETIME_MS = SECOND_MS

/** What was sent, to be kept out of whatever is said about the answer. */
export interface TokenRequest {
  grant: 'code' | 'refresh'
  /** The code and its verifier, or the refresh token; and the client's secret. */
  secrets: readonly string[]
  /** The refresh token, which stays valid when the answer brings no new one (RFC 6749 §6). */
  refreshToken?: string
}

/** Judges an answer of the token endpoint that came at `now` (epoch ms): forgejo.md A5. */
export function readTokenAnswer(
  answer: TokenAnswer,
  request: TokenRequest,
  now: number,
): Result<TokenPair, UpstreamFailure> {
  switch (answer.kind) {
    case 'object':
      return readPair(answer.body, request, now)
    case 'refused':
      return err(judgeRefusal(answer.error, answer.description, request))
    case 'status':
      return err(judgeStatus(answer.status))
    case 'network':
      return err(readNetworkError(answer.error))
  }
}

/**
 * A status without a usable body. A 200 that is no JSON may be a proxy's page, or Forgejo's own answer cut short
 * after it had acted: it counts as lost.
 */
function judgeStatus(status: number): UpstreamFailure {
  const detail = `Forgejo answered ${status} without a body that could be read`
  return status === 200 ? { kind: 'later', detail, outcome: 'lost' } : { kind: 'later', detail }
}

/** Words by which Forgejo says that it does not know the application, its secret or its redirect URI. */
const OPERATOR_TEXTS = new Set([
  'invalid client secret',
  'invalid empty client secret',
  'unexpected redirect uri',
  'cannot parse basic auth header',
])

/** Words by which Forgejo says that it failed itself. */
const TROUBLE_TEXTS = new Set([
  'cannot sign token',
  'server error',
  'cannot find user',
  'cannot find application',
])

const REFRESH_TEXTS: Record<string, AgainReason> = {
  'grant does not exist': 'revoked',
  'token was already used': 'superseded',
  'cannot increase the grant counter': 'superseded',
  'refresh token was not issued to this client': 'superseded',
  'unable to parse refresh token': 'expired',
  'token is not a refresh token': 'expired',
}

/**
 * Who can mend a refusal. Forgejo's codes alone do not tell: a used refresh token is `unauthorized_client`, and so
 * is a wrong secret on the code path.
 */
function judgeRefusal(error: string, description: string, request: TokenRequest): UpstreamFailure {
  const text = description.trim().toLowerCase()
  const detail = cleanDetail(`${error}: ${description}`, request.secrets)
  const operator =
    error === 'invalid_client' ||
    error === 'unsupported_grant_type' ||
    OPERATOR_TEXTS.has(text) ||
    text.includes('inconsistent with authorization header')
  if (operator) return { kind: 'operator', detail }
  if (TROUBLE_TEXTS.has(text)) return { kind: 'later', detail }
  const known = request.grant === 'refresh' ? REFRESH_TEXTS[text] : undefined
  if (known) return { kind: 'again', reason: known, detail }
  // Words of a version that we do not know: the code decides, and a login mends a credential for certain.
  const refused = error === 'invalid_grant' || error === 'unauthorized_client'
  if (request.grant === 'code' && (refused || error === 'invalid_request'))
    return { kind: 'again', reason: 'code', detail }
  if (refused) return { kind: 'again', reason: 'expired', detail }
  return { kind: 'later', detail }
}

function readPair(
  body: Record<string, unknown>,
  request: TokenRequest,
  now: number,
): Result<TokenPair, UpstreamFailure> {
  const accessToken = body.access_token
  const refreshToken = body.refresh_token ?? request.refreshToken
  if (!isToken(accessToken) || !isToken(refreshToken)) {
    const detail = 'Forgejo answered 200 without tokens'
    return err({ kind: 'later', detail, outcome: 'lost' })
  }
  const claims = readClaims(refreshToken)
  const { gnt, cnt } = claims
  return ok({
    accessToken,
    refreshToken,
    lifetimeMs:
      readSeconds(body.expires_in) ?? lifetimeOf(readClaims(accessToken)) ?? DEFAULT_LIFETIME_MS,
    refreshLifetimeMs: lifetimeOf(claims) ?? DEFAULT_REFRESH_LIFETIME_MS,
    receivedAt: now,
    ...(typeof gnt === 'number' || typeof gnt === 'string' ? { gnt: String(gnt) } : {}),
    ...(Number.isSafeInteger(cnt) ? { cnt: cnt as number } : {}),
  })
}

/** A token that can be put into a header: visible ASCII without spaces. */
const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)

/** Seconds, as a number or in digits, as bounded milliseconds; undefined for anything else and for nothing left. */
function readSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof seconds !== 'number' || Number.isNaN(seconds) || seconds <= 0) return undefined
  return Math.min(Math.max(Math.floor(seconds * SECOND_MS), MIN_LIFETIME_MS), MAX_LIFETIME_MS)
}

/**
 * A JSON Web Token's lifetime by its own claims. Only the difference counts: Forgejo's clock may differ from ours
 * by minutes, so `exp` itself says nothing.
 */
function lifetimeOf({ exp, iat }: Record<string, unknown>): number | undefined {
  return typeof exp === 'number' && typeof iat === 'number' ? readSeconds(exp - iat) : undefined
}

/** The payload of a JSON Web Token, not verified (it came from its issuer's own endpoint); empty when it is none. */
function readClaims(token: string): Record<string, unknown> {
  const payload = token.split('.')[1]
  if (payload === undefined) return {}
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? { ...claims } : {}
  } catch {
    return {}
  }
}
