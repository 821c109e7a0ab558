import type { ConsentView } from '../oauth/outcome.ts'
import { type Html, html } from './html.ts'
import { pageResponse } from './layout.ts'
import { type ScopeLine, scopeLines } from './scope-words.ts'

/**
 * The consent page: who asks, where the answer goes, what it allows, and two buttons. It changes nothing by itself;
 * its form posts `ticket` and `decision` to /oauth/consent. `isFull` says that nothing more could be given.
 */
export function consentPage(
  view: ConsentView,
  isFull: boolean,
  headers: Record<string, string>,
): Response {
  const forgejo = new URL(view.forgejoUrl)
  return pageResponse({
    status: 200,
    title: 'Allow access to your Forgejo?',
    formAction: ["'self'", forgejo.origin, view.redirectSource],
    headers,
    body: html`<h1>Let this app work on ${forgejo.host} as you?</h1>
<p class="soft">An app asks to be connected to your account. If you did not start that yourself just now, deny it.</p>
<dl>
<div><dt>The app calls itself (nobody has checked this)</dt><dd class="big"><bdi>${view.clientName}</bdi></dd></div>
${view.clientUrl !== undefined && html`<div><dt>The app is described at</dt><dd><code>${view.clientUrl}</code></dd></div>`}
<div><dt>Access will be handed to</dt><dd class="big"><code>${destination(view)}</code></dd></div>
</dl>
${warning(view)}
<h2>It will be able to</h2>
<ul class="scopes">
${scopeLines(view.scopes).map(scopeItem)}
</ul>
<p class="small soft">${isFull ? 'This is everything that this broker is set up to give' : 'This is what the app asked for'}; the app gets all of it or nothing. What it does will appear in Forgejo as done by you.</p>
<form method="post" action="/oauth/consent">
<input type="hidden" name="ticket" value="${view.ticket}">
<div class="actions">
<button class="primary" type="submit" name="decision" value="allow">Allow and sign in</button>
<button type="submit" name="decision" value="deny">Deny</button>
</div>
</form>
<p class="small soft">If you allow it, <strong>${forgejo.host}</strong> signs you in next; this page never sees your password. To take all access back, revoke the broker in Forgejo under Settings, Applications.</p>`,
  })
}

const scopeItem = ({ area, level, text }: ScopeLine): Html => html`<li><strong>${area}</strong>${
  level === 'read'
    ? html`<span class="level">${level}</span>`
    : html`<span class="level strong">${level}</span>`
}<span class="what">${text}</span></li>
`

const destination = ({ redirectHost, redirectKind }: ConsentView): string =>
  redirectKind === 'private-scheme' ? `${redirectHost}:` : redirectHost

/** Why the place that access goes to deserves a second look. */
function warning(view: ConsentView): Html | undefined {
  if (view.redirectKind === 'loopback')
    return html`<div class="warning" role="note"><strong>Access goes to a program on this computer.</strong>
<p>Any program that runs here could be waiting for it. Allow it only if you have just started this connection from an app on this very computer.</p></div>`
  if (view.redirectKind === 'private-scheme')
    return html`<div class="warning" role="note"><strong>Access goes to whichever app on this device opens “${view.redirectHost}:” links.</strong>
<p>That need not be the app named above. Allow it only if you have just started this connection from that app.</p></div>`
  return undefined
}
