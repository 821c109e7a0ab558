import { bearer } from '@elysiajs/bearer'
import { OAuthError } from '../errors.ts'
import type { Policy } from '../oauth/policy.ts'
import { err, ok, type Result } from '../result.ts'
import type { Caller, HttpDeps } from './deps.ts'
import { isOurHost, isOurOrigin } from './hosts.ts'
import { forbidden, oauthErrorReply } from './problem.ts'
import type { Reply } from './reply.ts'
import { queryOf } from './request.ts'

type GuardDeps = Pick<HttpDeps, 'config' | 'policy' | 'verifier' | 'vault' | 'log'>

/** Who sent a request, and with what token. */
export interface Admitted {
  caller: Caller
  token: string
}

/** The plugin that gives handlers `bearer`; guardMcp looks at that value only after it has judged the header itself. */
export const bearerPlugin = bearer

/** RFC 6750 §2.1: the scheme in any case, white space, a b64token. */
const CREDENTIALS = /^bearer +([a-z0-9._~+/-]+=*)$/i
const B64TOKEN = /^[a-z0-9._~+/-]+=*$/i

/** How nearly every client begins. */
const SCHEME = 'Bearer '

/** How a request presents itself, before any token is looked up. */
type Presented = { kind: 'none' } | { kind: 'malformed' } | { kind: 'token'; token: string }

/** Judges an Authorization header. Other schemes count as no token; a broken Bearer one as a bad token. */
export function readBearer(header: string | null): Presented {
  if (header?.startsWith(SCHEME)) {
    const token = header.slice(SCHEME.length)
    if (B64TOKEN.test(token)) return { kind: 'token', token }
  }
  if (header === null || !/^bearer\b/i.test(header.trim())) return { kind: 'none' }
  const token = CREDENTIALS.exec(header.trim())?.[1]
  return token === undefined ? { kind: 'malformed' } : { kind: 'token', token }
}

/** The challenge of a 401 (RFC 6750 §3, RFC 9728 §5.1): Bearer first, scope before any free text. */
export function challenge(policy: Policy, sent: boolean): string {
  const base = `Bearer resource_metadata="${policy.resourceMetadata}", scope="${policy.defaultScopes.join(' ')}"`
  return sent ? `${base}, error="invalid_token"` : base
}

/** 401 with an empty body. */
export const unauthorized = (policy: Policy, sent: boolean): Reply => ({
  status: 401,
  body: null,
  headers: { 'WWW-Authenticate': challenge(policy, sent), 'Cache-Control': 'no-store' },
})

/**
 * Lets a request on /mcp through with its caller, or answers it: Host and Origin (403), a token in the query (400),
 * no or bad bearer (401), a dead upstream credential (401), in this order. `pluginToken` is the bearer plugin's value.
 */
export function guardMcp(
  request: Request,
  deps: GuardDeps,
  pluginToken?: string,
): Result<Admitted, Reply> {
  const { config, policy } = deps
  if (!isOurHost(request.headers.get('host'), config)) return err(forbidden('Host'))
  const origin = request.headers.get('origin')
  if (origin !== null && !isOurOrigin(origin, config)) return err(forbidden('Origin'))
  if (request.url.includes('?') && queryOf(request).has('access_token'))
    return err(
      oauthErrorReply(new OAuthError('invalid_request', 'a token must not be sent in the URL')),
    )
  const presented = readBearer(request.headers.get('authorization'))
  if (presented.kind !== 'token') return err(unauthorized(policy, presented.kind === 'malformed'))
  return admit(pluginToken?.trim() || presented.token, deps)
}

/**
 * Lets a bearer token in, or answers it with 401: it is no good, or its account's upstream credential is dead.
 * @param before whom it let in before
 */
export function admit(
  token: string,
  { policy, verifier, vault, log }: GuardDeps,
  before?: Caller,
): Result<Admitted, Reply> {
  const verified = before && verifier.holds(before) ? ok(before) : verifier.verify(token)
  if (!verified.ok) {
    log.debug('bearer token refused', { reason: verified.error })
    return err(unauthorized(policy, true))
  }
  const caller = verified.value
  const reason = vault.deadReason(caller.accountId)
  if (reason !== undefined) {
    log.debug('caller must log in again', { account: caller.accountId, reason })
    return err(unauthorized(policy, true))
  }
  return ok({ caller, token })
}
