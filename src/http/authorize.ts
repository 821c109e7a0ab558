import { Elysia } from 'elysia'
import type { AuthorizeOutcome } from '../oauth/outcome.ts'
import type { Policy } from '../oauth/policy.ts'
import { consentPage } from './consent-page.ts'
import { browserCookie, readBrowserCookie } from './cookie.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './forms.ts'
import { problemPage } from './problem-page.ts'
import { queryOf } from './request.ts'

type RouteDeps = Pick<HttpDeps, 'authorization' | 'config' | 'policy'>

/** The browser's way through a login: the authorize request, the consent form, and Forgejo sending it back. */
export const authorizeRoutes = (deps: RouteDeps) => {
  const { authorization, config } = deps
  const browserOf = (request: Request) => readBrowserCookie(request, config)
  return new Elysia({ name: 'authorize' })
    .get('/oauth/authorize', async ({ request }) =>
      show(await authorization.begin(queryOf(request), browserOf(request)), 302, deps),
    )
    .post(
      '/oauth/consent',
      async ({ request }) => {
        if (!isOwnForm(request, config.publicUrl)) return foreignForm()
        const form = await readForm(request)
        return show(await authorization.decide(form, browserOf(request)), 303, deps)
      },
      { parse: 'none' },
    )
    .get('/oauth/callback', async ({ request }) =>
      show(await authorization.callback(queryOf(request), browserOf(request)), 302, deps),
    )
}

/** Turns an outcome into its answer; `redirect` is the status of a redirect: 303 makes a POST a GET (RFC 9700 §4.12). */
function show(
  outcome: AuthorizeOutcome,
  redirect: 302 | 303,
  { config, policy }: RouteDeps,
): Response {
  const browser = outcome.kind === 'page' ? undefined : outcome.browser
  const cookie: Record<string, string> =
    browser === undefined ? {} : { 'Set-Cookie': browserCookie(browser, config) }
  switch (outcome.kind) {
    case 'consent':
      return consentPage(outcome.view, isFullSet(outcome.view.scopes, policy), cookie)
    case 'page':
      return problemPage(outcome.problem)
    case 'redirect':
      return new Response(null, {
        status: redirect,
        headers: {
          Location: outcome.location,
          'Cache-Control': 'no-store',
          'Referrer-Policy': 'no-referrer',
          ...cookie,
        },
      })
  }
}

const isFullSet = (scopes: readonly string[], policy: Policy): boolean =>
  policy.defaultScopes.every((scope) => scopes.includes(scope))

/**
 * Whether the consent form was sent from our own page. Its `no-referrer` makes the Origin `null`, so Sec-Fetch-Site
 * decides where the browser sends it; the ticket and the Lax cookie stand behind both.
 */
function isOwnForm(request: Request, publicUrl: string): boolean {
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin') return false
  const origin = request.headers.get('origin')
  return origin === null || origin === 'null' || origin === publicUrl
}

const foreignForm = (): Response =>
  problemPage({
    status: 403,
    title: 'This answer came from another site',
    text: 'Consent can only be given on this broker’s own page, so nothing was granted.',
    advice: 'Start again from the app that you want to connect.',
  })
