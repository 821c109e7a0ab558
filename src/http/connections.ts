import { Elysia } from 'elysia'
import type { ChoiceProblem } from '../oauth/choice.ts'
import type { Visitor } from '../oauth/page-session.ts'
import { redirect, showOutcome } from './authorize.ts'
import { connectionsPage, signInPage } from './connections-page.ts'
import { readCookie, writeCookie } from './cookie.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './forms.ts'
import { isOwnForm } from './own-form.ts'
import { problemPage } from './problem-page.ts'
import { queryOf } from './request.ts'

type RouteDeps = Pick<
  HttpDeps,
  'authorization' | 'clock' | 'config' | 'connections' | 'log' | 'pages'
>

const PROBLEMS: Record<ChoiceProblem, string> = {
  unclear: 'Choose one of these.',
  nothing: 'Leave it at least one area, or else disconnect it.',
}

/** A person's own connections: one page, one form each, `do` says which. */
export const connectionRoutes = (deps: RouteDeps) => {
  const { authorization, config, pages } = deps
  return new Elysia({ name: 'connections' })
    .get('/connections', ({ request }) => {
      const visitor = pages.find(readCookie(request, 'page', config))
      const done = queryOf(request).get('done') ?? undefined
      return visitor
        ? show(deps, visitor, { done })
        : signInPage(config.forgejoUrl, done === 'signed-out' ? 'You are signed out.' : undefined)
    })
    .post(
      '/connections',
      async ({ request }) => {
        if (!isOwnForm(request, config)) return foreignForm()
        const form = await readForm(request)
        if (form.get('do') === 'sign-in')
          return showOutcome(
            authorization.visit(readCookie(request, 'browser', config)),
            303,
            config,
          )
        const cookie = readCookie(request, 'page', config)
        const visitor = pages.find(cookie)
        if (!visitor || cookie === undefined)
          return signInPage(
            config.forgejoUrl,
            'You were signed out meanwhile: nothing was changed.',
          )
        if (!pages.isOwn(visitor, form.get('token'))) return foreignForm()
        if (form.get('do') !== 'sign-out') return act(deps, visitor, form)
        pages.close(cookie)
        const response = redirect(303, '/connections?done=signed-out')
        response.headers.append('Set-Cookie', writeCookie('page', '', config))
        return response
      },
      { parse: 'none' },
    )
}

/** What the forms of somebody signed in can do. The answer is a redirect, so that a reload does nothing twice. */
function act(deps: RouteDeps, visitor: Visitor, form: URLSearchParams): Response {
  const { connections, log } = deps
  const { accountId } = visitor
  const id = form.get('connection') ?? ''
  const back = (done: string, at = '') => redirect(303, `/connections?done=${done}${at}`)
  switch (form.get('do')) {
    case 'change': {
      const changed = connections.change(accountId, id, form)
      if (changed.ok) return back('changed', `#${id}`)
      if (changed.error === 'gone') return back('gone')
      return show(deps, visitor, { problem: { id, text: PROBLEMS[changed.error] } })
    }
    case 'disconnect': {
      const ended = connections.disconnect(accountId, id)
      if (ended) log.info('a user disconnected a client', { account_id: accountId })
      return back(ended ? 'disconnected' : 'gone')
    }
    case 'disconnect-all':
      connections.disconnectAll(accountId)
      log.info('a user disconnected every client', { account_id: accountId })
      return back('all-disconnected')
    default:
      return show(deps, visitor, {})
  }
}

const show = (
  { clock, config, connections }: RouteDeps,
  visitor: Visitor,
  more: { done?: string | undefined; problem?: { id: string; text: string } },
): Response =>
  connectionsPage({
    visitor,
    view: connections.view(visitor.accountId),
    config,
    now: clock.now(),
    ...more,
  })

const foreignForm = (): Response =>
  problemPage({
    status: 403,
    title: 'This form came from another page',
    text: 'Your connections can only be changed on this broker’s own page, so nothing was changed.',
    link: { href: '/connections', label: 'Your connections' },
  })
