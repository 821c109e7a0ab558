import { hashToken, randomToken } from '../crypto.ts'
import type { LoginFailure } from './credential.ts'
import type { FlowDeps } from './deps.ts'
import type { AuthorizeOutcome, Problem } from './outcome.ts'
import type { PageSessions } from './page-session.ts'
import { isRepeated, param } from './params.ts'
import { browserValue, findVisit, LOGIN_TTL_MS, type PendingVisit, sealRequest } from './pending.ts'
import {
  blockedAccount,
  lostVisit,
  notAllowedHere,
  otherBrowserVisit,
  visitDenied,
  visitFailed,
} from './visit-problems.ts'

/** Sends somebody who wants to see their connections to Forgejo, as a login does, but for no client. */
export function beginVisit(deps: FlowDeps, cookie: string | undefined): AuthorizeOutcome {
  const { store, sealer, clock, upstream } = deps
  const browser = browserValue(cookie)
  const state = randomToken()
  const verifier = randomToken()
  const ticketHash = hashToken(state)
  const now = clock.now()
  store.logins.add(now, {
    ticketHash,
    browserHash: hashToken(browser),
    purpose: 'page',
    phase: 'forgejo',
    sealedRequest: sealRequest(sealer, ticketHash, { verifier }),
    expiresAt: now + LOGIN_TTL_MS,
  })
  return { kind: 'redirect', location: upstream.authorizeUrl(state, verifier), browser }
}

/** Whether a return from Forgejo belongs to a visit, and not to a client's login. */
export const isVisit = ({ store }: Pick<FlowDeps, 'store'>, query: URLSearchParams): boolean =>
  store.logins.find(hashToken(param(query, 'state') ?? ''))?.purpose === 'page'

/**
 * The return from Forgejo of somebody who wants to see their connections: the same browser again, the state used up,
 * the user known and allowed. Its tokens feed the vault like those of any login. That Forgejo keeps an older scope
 * hinders nobody from looking; the page says so.
 */
export async function endVisit(
  deps: FlowDeps & { pages: Pick<PageSessions, 'open'> },
  query: URLSearchParams,
  browser: string | undefined,
): Promise<AuthorizeOutcome> {
  const { store, vault, pages, config, log } = deps
  const claimed = claim(deps, query, browser)
  if (!('visit' in claimed)) return page(claimed)

  const denial = param(query, 'error')
  if (denial === 'access_denied') return page(visitDenied)
  if (denial !== undefined) {
    log.warn('forgejo refused to authorize', { error: denial.slice(0, 100) })
    return page(visitFailed('later'))
  }
  const code = param(query, 'code')
  if (code === undefined) return page(lostVisit)
  const { verifier } = claimed.visit
  const login = await vault.login({ ticketHash: claimed.ticketHash, code, verifier })
  if (!login.ok) {
    store.audit.add(deps.clock.now(), { event: 'page.refused', reason: login.error.reason })
    log.info('visit failed', { why: login.error.reason })
    return page(problemOf(login.error, config.forgejoUrl))
  }
  const { accountId } = login.value
  return { kind: 'signed-in', page: store.transaction(() => pages.open(accountId)) }
}

const page = (problem: Problem): AuthorizeOutcome => ({ kind: 'page', problem })

/** The visit under this state, used up; or the page for a state that is not this browser's, or is over. */
function claim(
  deps: FlowDeps,
  query: URLSearchParams,
  browser: string | undefined,
): { visit: PendingVisit; ticketHash: ReturnType<typeof hashToken> } | Problem {
  const { store, clock, log } = deps
  const now = clock.now()
  const state = param(query, 'state')
  if (state === undefined || ['state', 'code', 'error'].some((name) => isRepeated(query, name)))
    return lostVisit
  const found = findVisit(deps, { now, ticket: state, browser })
  if (found.ok) {
    const { row, request } = found.value
    if (!store.logins.finish(now, row.ticketHash, 'forgejo')) return lostVisit
    return { visit: request, ticketHash: row.ticketHash }
  }
  if (found.error.kind === 'lost') {
    log.info('visit refused', { why: found.error.detail })
    return lostVisit
  }
  const reason = 'the callback came from another browser than the sign-in'
  store.audit.add(now, { event: 'page.refused', reason })
  log.warn('visit refused', { why: reason })
  return otherBrowserVisit
}

function problemOf(failure: LoginFailure, forgejoUrl: string): Problem {
  switch (failure.kind) {
    case 'not-allowed':
      return notAllowedHere(failure.login)
    case 'account':
      return blockedAccount(forgejoUrl)
    case 'again':
    case 'later':
    case 'operator':
      return visitFailed(failure.kind)
  }
}
