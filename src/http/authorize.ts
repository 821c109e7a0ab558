import { Elysia } from 'elysia'
import type { AuthorizeOutcome } from '../oauth/outcome.ts'
import { consentPage } from './consent-page.ts'
import { readCookie, writeCookie } from './cookie.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './forms.ts'
import { isOwnForm } from './own-form.ts'
import { problemPage } from './problem-page.ts'
import { queryOf } from './request.ts'

type RouteDeps = Pick<HttpDeps, 'authorization' | 'config'>

/** The browser's way through a login: the authorize request, the consent form, and Forgejo sending it back. */
export const authorizeRoutes = ({ authorization, config }: RouteDeps) => {
  const browserOf = (request: Request) => readCookie(request, 'browser', config)
  const choiceOf = (request: Request) => readCookie(request, 'choice', config)
  return new Elysia({ name: 'authorize' })
    .get('/oauth/authorize', async ({ request }) => {
      const brought = [browserOf(request), choiceOf(request)] as const
      return showOutcome(await authorization.begin(queryOf(request), ...brought), 302, config)
    })
    .post(
      '/oauth/consent',
      async ({ request }) => {
        if (!isOwnForm(request, config)) return foreignForm()
        const form = await readForm(request)
        const brought = [browserOf(request), choiceOf(request)] as const
        return showOutcome(await authorization.decide(form, ...brought), 303, config)
      },
      { parse: 'none' },
    )
    .get('/oauth/callback', async ({ request }) =>
      showOutcome(await authorization.callback(queryOf(request), browserOf(request)), 302, config),
    )
}

/** Turns an outcome into its answer; `status` is that of a redirect: 303 makes a POST a GET (RFC 9700 §4.12). */
export function showOutcome(
  outcome: AuthorizeOutcome,
  status: 302 | 303,
  config: RouteDeps['config'],
): Response {
  switch (outcome.kind) {
    case 'consent':
      return consentPage(outcome.view, config, {
        'Set-Cookie': writeCookie('browser', outcome.browser, config),
      })
    case 'page':
      return problemPage(outcome.problem)
    case 'redirect': {
      const response = redirect(status, outcome.location)
      const { browser, remember } = outcome
      for (const [kind, value] of [['browser', browser] as const, ['choice', remember] as const])
        if (value !== undefined)
          response.headers.append('Set-Cookie', writeCookie(kind, value, config))
      return response
    }
    case 'signed-in': {
      const response = redirect(303, '/connections')
      response.headers.append('Set-Cookie', writeCookie('page', outcome.page, config))
      return response
    }
  }
}

/** A redirect that no cache keeps and that tells nobody where it came from. */
export const redirect = (status: 302 | 303, location: string): Response =>
  new Response(null, {
    status,
    headers: {
      Location: location,
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
    },
  })

const foreignForm = (): Response =>
  problemPage({
    status: 403,
    title: 'This answer came from another site',
    text: 'Consent can only be given on this broker’s own page, so nothing was granted.',
    advice: 'Start again from the app that you want to connect.',
  })
