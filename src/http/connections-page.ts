import type { Config } from '../config.ts'
import type { ConnectionsView } from '../oauth/connections.ts'
import type { Visitor } from '../oauth/page-session.ts'
import { connectionCard, troubleBox } from './connection-card.ts'
import { html } from './html.ts'
import { pageResponse } from './layout.ts'
import { accountTrouble } from './trouble-words.ts'

/** What a page may say was done: `/connections?done=…`, so that only these words can be put there. */
const DONE: Readonly<Record<string, string>> = {
  changed: 'Saved. It holds from this moment on.',
  disconnected: 'Disconnected. Its access is gone and its sessions have ended.',
  'all-disconnected': 'Everything is disconnected.',
  gone: 'That connection was gone already.',
}

export interface PageInput {
  visitor: Visitor
  view: ConnectionsView
  config: Pick<Config, 'forgejoUrl' | 'childCredential'>
  /** Epoch ms. */
  now: number
  /** A word of DONE; anything else says nothing. */
  done?: string | undefined
  /** The connection whose form was not understood, and what was wrong. */
  problem?: { id: string; text: string }
}

/** A person's own connections. */
export function connectionsPage(input: PageInput): Response {
  const { visitor, view, now, problem } = input
  const { connections } = view
  const forgejo = new URL(input.config.forgejoUrl)
  const { formToken } = visitor
  const said = DONE[input.done ?? '']
  const trouble = accountTrouble(view, forgejo.host)
  const token = html`<input type="hidden" name="token" value="${formToken}">`
  return pageResponse({
    status: problem ? 400 : 200,
    title: 'Your connections',
    formAction: ["'self'"],
    wide: true,
    body: html`<h1>Your connections</h1>
<form class="who" method="post" action="/connections">${token}<p>Signed in as <strong>${visitor.login}</strong> on <a href="${forgejo.href}">${forgejo.host}</a></p><button class="quiet" type="submit" name="do" value="sign-out">Sign out</button></form>
${said !== undefined && html`<p class="done" role="status">${said}</p>`}
${trouble && troubleBox(trouble)}
${
  connections.length === 0
    ? html`<p>No app is connected to your account. <a href="/">How to connect one</a></p>`
    : html`<p class="soft">These apps may work on ${forgejo.host} as you, as far as you let them.</p>`
}
${connections.map((connection) =>
  connectionCard(connection, {
    now,
    formToken,
    fixed: input.config.childCredential === 'token',
    problem: problem?.id === connection.id ? problem.text : undefined,
  }),
)}
${view.more && html`<p class="soft">There are more, which are older.</p>`}
${
  connections.length > 0 &&
  html`<details class="last">
<summary>Disconnect everything</summary>
<form method="post" action="/connections">${token}
<p>Every app loses its access at once. To take the broker’s own access away too, revoke it at <a href="${forgejo.href}">${forgejo.host}</a> under Settings, Applications.</p>
<div class="actions"><button class="danger" type="submit" name="do" value="disconnect-all">Disconnect everything</button></div>
</form>
</details>`
}`,
  })
}

/** What somebody sees who is not signed in. */
export function signInPage(forgejoUrl: string, said?: string): Response {
  const { host, origin } = new URL(forgejoUrl)
  return pageResponse({
    status: 200,
    title: 'Your connections',
    formAction: ["'self'", origin],
    body: html`<h1>See which apps work on ${host} as you</h1>
${said !== undefined && html`<p class="done" role="status">${said}</p>`}
<p>Here you see each app that you connected, what it may do, when it was last used and what went wrong. You can narrow it or end it.</p>
<form method="post" action="/connections">
<div class="actions"><button class="primary" type="submit" name="do" value="sign-in">Sign in with ${host}</button></div>
</form>
<p class="small soft"><strong>${host}</strong> asks who you are; this page never sees your password. You stay signed in for an hour after your last visit, twelve at most.</p>
<p class="small"><a href="/">How to connect an app</a></p>`,
  })
}
