import { redact } from '../log.ts'
import type { LoginFailure } from './credential.ts'
import type { FlowDeps } from './deps.ts'
import { openFamily } from './open-family.ts'
import type { AuthorizeOutcome, Problem } from './outcome.ts'
import { isRepeated, param } from './params.ts'
import { findPending, type Pending, type PendingRequest } from './pending.ts'
import {
  blockedAccount,
  clientProblem,
  lostLogin,
  notAllowed,
  otherBrowser,
  staleScopes,
} from './problems.ts'
import { refuse, sendBack } from './return.ts'

/** The most of Forgejo's own words that is logged, in characters. */
const MAX_DETAIL_LENGTH = 200

/**
 * The return from Forgejo: the same browser again, the state used up, the client still welcome, the user known and
 * allowed, and Forgejo's scopes what was asked; then, and only then, a family and its code.
 */
export async function callback(
  deps: FlowDeps,
  query: URLSearchParams,
  browser: string | undefined,
): Promise<AuthorizeOutcome> {
  const { clock, clients, vault } = deps
  const pending = claim(deps, query, browser)
  if (!('row' in pending)) return page(pending)
  const { row, request } = pending

  const denial = param(query, 'error')
  if (denial !== undefined) return upstreamError(deps, pending, query, denial)
  const code = param(query, 'code')
  if (code === undefined || request.verifier === undefined) return page(lostLogin)

  const client = await clients.resolve(request.clientId)
  if (!client.ok) {
    fail(deps, request, `the client is ${client.error}`)
    return page(clientProblem(client.error))
  }
  const { ticketHash } = row
  const login = await vault.login({ ticketHash, code, verifier: request.verifier })
  if (!login.ok) return loginFailed(deps, request, login.error)
  const { accountId, missingScopes } = login.value
  if (missingScopes.length > 0) {
    fail(deps, request, `Forgejo did not grant ${missingScopes.join(' ')}`, accountId)
    return page(staleScopes(deps.config.forgejoUrl, missingScopes))
  }
  return sendBack(deps.policy.issuer, request.back, {
    code: openFamily(deps, clock.now(), pending, accountId),
  })
}

const page = (problem: Problem): AuthorizeOutcome => ({ kind: 'page', problem })

/** Writes down that a login came to nothing, and why. */
function fail(deps: FlowDeps, request: PendingRequest, reason: string, accountId?: string): void {
  const { store, clock, log } = deps
  const { clientId } = request
  store.audit.add(clock.now(), {
    event: 'login.failed',
    clientId,
    accountId: accountId ?? null,
    reason,
  })
  log.info('login failed', { client_id: clientId, why: reason })
}

/** The login under this state, used up; or the page for a state that is not this browser's, or is over. */
function claim(
  deps: FlowDeps,
  query: URLSearchParams,
  browser: string | undefined,
): Pending | Problem {
  const { store, clock, log } = deps
  const now = clock.now()
  const state = param(query, 'state')
  if (state === undefined || ['state', 'code', 'error'].some((name) => isRepeated(query, name)))
    return lostLogin
  const found = findPending(deps, { now, ticket: state, browser, phase: 'forgejo' })
  if (found.ok)
    return store.logins.finish(now, found.value.row.ticketHash, 'forgejo') ? found.value : lostLogin
  if (found.error.kind === 'lost') {
    log.info('callback refused', { why: found.error.detail })
    return lostLogin
  }
  const reason = 'the callback came from another browser than the consent'
  store.audit.add(now, { event: 'login.failed', clientId: found.error.row.clientId, reason })
  log.warn('callback refused', { why: reason })
  return otherBrowser
}

/** What Forgejo's authorize endpoint said instead of a code (its user's no, an old scope, or our own mistake). */
function upstreamError(
  deps: FlowDeps,
  { row: { browserHash }, request }: Pending,
  query: URLSearchParams,
  error: string,
): AuthorizeOutcome {
  const { store, clock, policy, config, log, stepUps } = deps
  const { clientId, back } = request
  if (error === 'access_denied') {
    store.audit.add(clock.now(), { event: 'login.denied', clientId, reason: 'at Forgejo' })
    stepUps.declined({ clientId, browserHash }, request.scopes)
    return refuse(policy.issuer, back, 'access_denied', 'the user said no at Forgejo')
  }
  const description = redact(param(query, 'error_description') ?? '').slice(0, MAX_DETAIL_LENGTH)
  if (error === 'server_error' && /scope/i.test(description)) {
    fail(deps, request, 'Forgejo keeps a grant with another scope')
    return page(staleScopes(config.forgejoUrl))
  }
  log.warn('forgejo refused to authorize', { error_description: description })
  if (error === 'temporarily_unavailable') {
    fail(deps, request, 'Forgejo is temporarily unavailable')
    return refuse(policy.issuer, back, error, 'Forgejo cannot be reached now')
  }
  fail(deps, request, 'Forgejo refused the request')
  return refuse(policy.issuer, back, 'server_error', 'Forgejo refused the request of this server')
}

/** A login that did not come through, by who can mend it: the user here, or else the client hears of it. */
function loginFailed(
  deps: FlowDeps,
  request: PendingRequest,
  failure: LoginFailure,
): AuthorizeOutcome {
  const { policy, config } = deps
  const { back } = request
  fail(deps, request, failure.reason)
  switch (failure.kind) {
    case 'not-allowed': {
      const told = refuse(policy.issuer, back, 'access_denied', 'the user is not allowed here')
      return page(notAllowed(failure.login, told.location))
    }
    case 'account':
      return page(blockedAccount(config.forgejoUrl))
    case 'again':
      return refuse(
        policy.issuer,
        back,
        'access_denied',
        'the login at Forgejo did not come through',
      )
    case 'later':
      return refuse(policy.issuer, back, 'temporarily_unavailable', 'Forgejo cannot be reached now')
    case 'operator':
      return refuse(policy.issuer, back, 'server_error', 'this server is not set up for Forgejo')
  }
}
