import { begin } from './authorize.ts'
import { decide } from './consent.ts'
import type { FlowDeps } from './deps.ts'
import { callback } from './login.ts'
import type { AuthorizeOutcome } from './outcome.ts'

/** The way of a browser: our consent page, Forgejo's login, and back to the client. `browser` is its cookie's value. */
export interface Authorization {
  /** `GET /oauth/authorize`: the consent page, a refusal that goes back to the client, or a page. */
  begin(query: URLSearchParams, browser: string | undefined): Promise<AuthorizeOutcome>
  /** `POST /oauth/consent`: on to Forgejo, or back to the client with `access_denied`. */
  decide(form: URLSearchParams, browser: string | undefined): Promise<AuthorizeOutcome>
  /** `GET /oauth/callback`: back to the client with a code, or with why there is none. */
  callback(query: URLSearchParams, browser: string | undefined): Promise<AuthorizeOutcome>
}

/** The authorization flow over its dependencies. */
export const createAuthorization = (deps: FlowDeps): Authorization => ({
  begin: (query, browser) => begin(deps, query, browser),
  decide: async (form, browser) => decide(deps, form, browser),
  callback: (query, browser) => callback(deps, query, browser),
})
