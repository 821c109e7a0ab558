import { hashToken, randomToken } from '../crypto.ts'
import { OAuthError } from '../errors.ts'
import { err, ok, type Result } from '../result.ts'
import type { Client } from './clients.ts'
import { consentView } from './consent-view.ts'
import type { FlowDeps } from './deps.ts'
import type { AuthorizeOutcome, Problem } from './outcome.ts'
import { checkRepeated, isRepeated, param, requiredParam } from './params.ts'
import { browserValue, LOGIN_TTL_MS, type PendingRequest, sealRequest } from './pending.ts'
import { isChallenge } from './pkce.ts'
import type { Policy } from './policy.ts'
import { clientProblem, foreignRedirect, malformed } from './problems.ts'
import { matchesRedirectUri } from './redirect-uri.ts'
import { type Return, refuse } from './return.ts'

/** The longest `state` that is echoed, in characters. */
const MAX_STATE_LENGTH = 4_096

/** One check of a request whose client and redirect URI are known to be right. Throws OAuthError. */
type Check = (query: URLSearchParams, policy: Policy) => void

/** What is asked of every authorization request, in this order; what fails here goes back to the client. */
const CHECKS: readonly Check[] = [
  checkRepeated,
  checkState,
  checkResponseType,
  checkChallengeMethod,
  checkChallenge,
  checkResource,
]

/**
 * The authorization endpoint (RFC 6749 §3.1): judges the request, remembers it for 30 minutes, and asks the user.
 * `browser` is the value of the browser cookie and `choice` its last choice on a consent page, if they came.
 */
export async function begin(
  deps: FlowDeps,
  query: URLSearchParams,
  browser: string | undefined,
  choice: string | undefined,
): Promise<AuthorizeOutcome> {
  const { policy, log, metrics } = deps
  const found = await findReturn(deps, query)
  if (!found.ok) {
    log.info('authorize refused with a page', { why: found.error.title })
    return { kind: 'page', problem: found.error }
  }
  const { client, back } = found.value
  try {
    for (const check of CHECKS) check(query, policy)
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    metrics.refusals.inc({ code: error.code })
    log.info('authorize refused', { client_id: client.id, error })
    return refuse(policy.issuer, back, error.code, error.description)
  }
  return askConsent(deps, readRequest(query, client, back, policy), { browser, choice })
}

/** The client, and where its browser goes back to. Until both are known to be right a refusal can only be a page. */
async function findReturn(
  { clients }: FlowDeps,
  query: URLSearchParams,
): Promise<Result<{ client: Client; back: Return }, Problem>> {
  const clientId = param(query, 'client_id')
  if (clientId === undefined || isRepeated(query, 'client_id'))
    return err(malformed('It does not name exactly one client_id.'))
  const client = await clients.resolve(clientId)
  if (!client.ok) return err(clientProblem(client.error))
  const redirectUri = param(query, 'redirect_uri')
  if (redirectUri === undefined || isRepeated(query, 'redirect_uri'))
    return err(malformed('It does not name exactly one redirect_uri.'))
  if (!matchesRedirectUri(client.value.redirectUris, redirectUri)) return err(foreignRedirect)
  const state = query.get('state')
  const echo = state !== null && state.length <= MAX_STATE_LENGTH && !isRepeated(query, 'state')
  return ok({ client: client.value, back: echo ? { redirectUri, state } : { redirectUri } })
}

function checkState(query: URLSearchParams): void {
  if ((query.get('state') ?? '').length > MAX_STATE_LENGTH)
    throw new OAuthError('invalid_request', `state is longer than ${MAX_STATE_LENGTH} characters`)
}

/** RFC 6749 §3.1.1. */
function checkResponseType(query: URLSearchParams, policy: Policy): void {
  if (!policy.responseTypes.includes(requiredParam(query, 'response_type')))
    throw new OAuthError('unsupported_response_type', 'response_type must be code')
}

/** RFC 7636 §4.3: a method left out would mean plain. */
function checkChallengeMethod(query: URLSearchParams, policy: Policy): void {
  if (!policy.codeChallengeMethods.includes(param(query, 'code_challenge_method') ?? 'plain'))
    throw new OAuthError('invalid_request', 'code_challenge_method must be S256')
}

/** RFC 7636 §4.4.1: no code without a proof key. */
function checkChallenge(query: URLSearchParams): void {
  if (!isChallenge(requiredParam(query, 'code_challenge')))
    throw new OAuthError('invalid_request', 'code_challenge is not an S256 challenge')
}

/** RFC 8707 §2: several may be named; each must be ours. */
function checkResource(query: URLSearchParams, policy: Policy): void {
  for (const resource of query.getAll('resource')) {
    if (resource !== '' && !policy.isOurResource(resource))
      throw new OAuthError('invalid_target', 'the resource is not one of this server')
  }
}

function readRequest(
  query: URLSearchParams,
  client: Client,
  back: Return,
  policy: Policy,
): PendingRequest {
  return {
    clientId: client.id,
    client: { name: client.name, ...(client.kind === 'document' && { url: client.id }) },
    back,
    codeChallenge: requiredParam(query, 'code_challenge'),
    resource: policy.resource,
    scopes: policy.selectScopes(param(query, 'scope')),
  }
}

/** Remembers the request under a new ticket, bound to this browser, and shows the consent page. */
function askConsent(
  { store, sealer, clock, config, stepUps }: FlowDeps,
  request: PendingRequest,
  brought: { browser: string | undefined; choice: string | undefined },
): AuthorizeOutcome {
  const browser = browserValue(brought.browser)
  const ticket = randomToken()
  const ticketHash = hashToken(ticket)
  const browserHash = hashToken(browser)
  const { clientId } = request
  const now = clock.now()
  store.logins.add(now, {
    ticketHash,
    browserHash,
    purpose: 'client',
    phase: 'consent',
    clientId,
    sealedRequest: sealRequest(sealer, ticketHash, request),
    expiresAt: now + LOGIN_TTL_MS,
  })
  const needed = stepUps.asked({ clientId, browserHash }, request.scopes)
  const view = consentView(config, ticket, request, { choice: brought.choice, needed })
  return { kind: 'consent', view, browser }
}
