import type { Browser, Page } from '../fixtures/browser.ts'
import { createBrowser } from '../fixtures/browser.ts'
import type { Flow } from '../flows/kit.ts'

/** A broker and its Forgejo. */
export type Place = Pick<Flow, 'issuer' | 'forgejo'>

const MAX_PAGES = 6

/** Signs in to the connections page as a person does who has no script; the page that this ends on. */
export async function visitAs(
  place: Place,
  user: string,
  browser: Browser = createBrowser(),
  granted = true,
): Promise<Page> {
  await browser.get(`${place.issuer}/connections`)
  await browser.submit({ do: 'sign-in' }, { action: '/connections' })
  return passForgejo(place, user, browser, granted)
}

/** Answers Forgejo's pages until the browser is elsewhere; the page that this ends on. */
export async function passForgejo(
  place: Place,
  user: string,
  browser: Browser,
  granted = true,
): Promise<Page> {
  let { page } = browser
  const there = () => page?.url.startsWith(place.forgejo.url) === true
  for (let count = 0; page && there() && count < MAX_PAGES; count += 1) {
    const login = page.forms.some(({ action }) => action.includes('/user/login'))
    page = login
      ? await browser.submit({ user_name: user, password: 'password' }, { action: '/user/login' })
      : await browser.submit({ granted: String(granted) }, { action: '/login/oauth/grant' })
  }
  if (!page) throw new Error('the browser is on no page')
  return page
}

/** Submits the form of one connection on the present page; `fields` join what the form has marked. */
export function submitFor(
  browser: Browser,
  connection: string,
  fields: Record<string, string>,
): Promise<Page> {
  const form = browser.page?.forms.find(
    ({ fields: own, buttons }) =>
      own.some(([name, value]) => name === 'connection' && value === connection) &&
      buttons.some(([name, value]) => name === 'do' && value === fields.do),
  )
  if (!form) throw new Error(`no form to ${fields.do} on ${browser.page?.url}`)
  return browser.post(form.action, { ...Object.fromEntries(form.fields), ...fields })
}

/** The ids of the connections on a page, in their order. */
export const connectionsOn = (page: Page): string[] =>
  [...page.html.matchAll(/<article class="connection" id="([^"]+)"/g)].map(([, id]) => id ?? '')
