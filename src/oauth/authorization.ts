import { begin } from './authorize.ts'
import { decide } from './consent.ts'
import type { FlowDeps } from './deps.ts'
import { callback } from './login.ts'
import type { AuthorizeOutcome } from './outcome.ts'
import { createPageSessions } from './page-session.ts'
import { beginVisit, endVisit, isVisit } from './visit.ts'

/** The way of a browser: our consent page, Forgejo's login, and back to the client. `browser` is its cookie's value. */
export interface Authorization {
  /** `GET /oauth/authorize`: the consent page, a refusal that goes back to the client, or a page. `choice` is the browser's last. */
  begin(
    query: URLSearchParams,
    browser: string | undefined,
    choice?: string,
  ): Promise<AuthorizeOutcome>
  /** `POST /oauth/consent`: on to Forgejo, or back to the client with `access_denied`, or the page once more. */
  decide(
    form: URLSearchParams,
    browser: string | undefined,
    choice?: string,
  ): Promise<AuthorizeOutcome>
  /** Somebody wants to see their connections: on to Forgejo, and back through the callback. */
  visit(browser: string | undefined): AuthorizeOutcome
  /** `GET /oauth/callback`: back to the client with a code or with why there is none, or signed in to look. */
  callback(query: URLSearchParams, browser: string | undefined): Promise<AuthorizeOutcome>
}

/** The authorization flow over its dependencies. */
export function createAuthorization(deps: FlowDeps): Authorization {
  const pages = createPageSessions(deps)
  return {
    begin: (query, browser, choice) => begin(deps, query, browser, choice),
    decide: async (form, browser, choice) => decide(deps, form, browser, choice),
    visit: (browser) => beginVisit(deps, browser),
    callback: (query, browser) =>
      isVisit(deps, query)
        ? endVisit({ ...deps, pages }, query, browser)
        : callback(deps, query, browser),
  }
}
