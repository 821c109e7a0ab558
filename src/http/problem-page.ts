import type { Problem } from '../oauth/outcome.ts'
import { html } from './html.ts'
import { pageResponse } from './layout.ts'

/** A page that says what went wrong and what to do about it. */
export function problemPage(problem: Problem, headers: Record<string, string> = {}): Response {
  const { title, text, advice, link, status } = problem
  return pageResponse({
    status,
    title,
    headers,
    body: html`<h1>${title}</h1>
<p>${text}</p>
${advice !== undefined && html`<p>${advice}</p>`}
${link && html`<p class="actions"><a class="button primary" href="${link.href}" rel="noreferrer">${link.label}</a></p>`}`,
  })
}

const home = { href: '/', label: 'How to connect' }

/** The page for a path that is not there. */
export const notFoundPage = (): Response =>
  problemPage({
    status: 404,
    title: 'There is nothing here',
    text: 'This address leads nowhere on this broker.',
    link: home,
  })

/** The page for a method that a path does not take; `allow` is the Allow header (RFC 9110 §10.2.1). */
export const wrongMethodPage = (allow: string): Response =>
  problemPage(
    {
      status: 405,
      title: 'That does not work here',
      text: 'This address is part of signing in and cannot be used this way.',
      advice: 'Start again from the app that you want to connect.',
      link: home,
    },
    { Allow: allow },
  )

/** The page for a client that asks too often. */
export const slowDownPage = (seconds: number): Response =>
  problemPage(
    {
      status: 429,
      title: 'Too many attempts',
      text: `There were very many attempts from your network. Wait ${seconds} ${seconds === 1 ? 'second' : 'seconds'}, then try again.`,
    },
    { 'Retry-After': String(seconds) },
  )

/** The page for our own failure; `id` finds it in the log. */
export const failurePage = (id: string): Response =>
  problemPage({
    status: 500,
    title: 'Something broke',
    text: 'This is the broker’s fault, not yours. Nothing was granted.',
    advice: `Try again from the app. If it happens again, tell whoever runs this broker: ${id}.`,
  })

/** The page for a request that makes no sense. */
export const badRequestPage = (status: number): Response =>
  problemPage({
    status,
    title: 'That request made no sense',
    text: 'Something in it is missing or malformed, so nothing was done.',
    advice: 'Start again from the app that you want to connect.',
  })
