import { hashToken, randomToken } from '../crypto.ts'
import { chooseScopes, rememberChoice } from './choice.ts'
import { consentView } from './consent-view.ts'
import type { FlowDeps } from './deps.ts'
import type { AuthorizeOutcome } from './outcome.ts'
import { isRepeated, param } from './params.ts'
import { findPending, type Pending, sealRequest } from './pending.ts'
import { lostLogin, otherBrowser, unclearDecision } from './problems.ts'
import { refuse } from './return.ts'

/**
 * Takes the user's decision, once, from the browser that began. An answer that chooses nothing is asked for again, with
 * the same marked as before: `choice` is the browser's last one. Yes leads to Forgejo under a new state, so that the
 * ticket in the page and the state in Forgejo's URLs say nothing of each other.
 */
export function decide(
  deps: FlowDeps,
  form: URLSearchParams,
  browser: string | undefined,
  choice: string | undefined,
): AuthorizeOutcome {
  const { store, log, clock } = deps
  const now = clock.now()
  const ticket = param(form, 'ticket')
  if (ticket === undefined || isRepeated(form, 'ticket')) return page(lostLogin)
  const found = findPending(deps, { now, ticket, browser, phase: 'consent' })
  if (!found.ok) {
    if (found.error.kind === 'lost') {
      log.info('consent refused', { why: found.error.detail })
      return page(lostLogin)
    }
    const reason = 'the consent came from another browser than the request'
    store.audit.add(now, { event: 'login.failed', clientId: found.error.row.clientId, reason })
    log.warn('consent refused', { why: reason })
    return page(otherBrowser)
  }
  if (isRepeated(form, 'decision')) return page(unclearDecision)
  switch (param(form, 'decision')) {
    case 'allow': {
      const { request } = found.value
      const chosen = chooseScopes(request.scopes, form)
      if (chosen.ok) return allow(deps, now, found.value, chosen.value)
      const needed = neededBy(deps, found.value)
      const view = consentView(deps.config, ticket, request, { choice, needed })
      return { kind: 'consent', view: { ...view, problem: chosen.error }, browser: browser ?? '' }
    }
    case 'deny':
      return deny(deps, now, found.value)
    default:
      return page(unclearDecision)
  }
}

/** What the client may have been told to ask for. */
const neededBy = ({ stepUps }: FlowDeps, { row: { browserHash }, request }: Pending) =>
  stepUps.asked({ clientId: request.clientId, browserHash }, request.scopes)

const page = (problem: typeof lostLogin): AuthorizeOutcome => ({ kind: 'page', problem })

/** Sends the browser on. What was chosen is what the login will give; Forgejo is always asked for all it may grant. */
function allow(deps: FlowDeps, now: number, pending: Pending, scopes: string[]): AuthorizeOutcome {
  const { row, request } = pending
  const { store, sealer, upstream } = deps
  const { clientId } = request
  const state = randomToken()
  const verifier = randomToken()
  const ticketHash = hashToken(state)
  const sealedRequest = sealRequest(sealer, ticketHash, { ...request, scopes, verifier })
  const moved = store.transaction(() => {
    if (!store.logins.sendToForgejo(now, row.ticketHash, { ticketHash, sealedRequest }))
      return false
    store.audit.add(now, { event: 'login.started', clientId })
    return true
  })
  if (!moved) return page(lostLogin)
  // What one tool needed says nothing of what the next app may do.
  const remember = neededBy(deps, pending) ? undefined : rememberChoice(request.scopes, scopes)
  const location = upstream.authorizeUrl(state, verifier)
  return { kind: 'redirect', location, ...(remember !== undefined && { remember }) }
}

function deny(deps: FlowDeps, now: number, { row, request }: Pending): AuthorizeOutcome {
  const { store, policy, stepUps } = deps
  const { clientId } = request
  const denied = store.transaction(() => {
    if (!store.logins.finish(now, row.ticketHash, 'consent')) return false
    store.audit.add(now, { event: 'login.denied', clientId, reason: 'on the consent page' })
    return true
  })
  if (!denied) return page(lostLogin)
  stepUps.declined({ clientId, browserHash: row.browserHash }, request.scopes)
  return refuse(policy.issuer, request.back, 'access_denied', 'the user said no')
}
