import type { Config } from '../config.ts'
import type { ConsentView } from '../oauth/outcome.ts'
import { type Html, html } from './html.ts'
import { pageResponse } from './layout.ts'
import { permissionFields } from './permission-fields.ts'

/**
 * The consent page: who asks, where the answer goes, what it may allow, and two buttons. It changes nothing by itself;
 * its form posts `ticket`, `decision` and the choice to /oauth/consent. Where children hold their user's token, nobody
 * could hold a login to less, so there is no choice.
 */
export function consentPage(
  view: ConsentView,
  { childCredential }: Pick<Config, 'childCredential'>,
  headers: Record<string, string>,
): Response {
  const forgejo = new URL(view.forgejoUrl)
  return pageResponse({
    status: view.problem ? 400 : 200,
    title: 'Allow access to your Forgejo?',
    formAction: ["'self'", forgejo.origin, view.redirectSource],
    headers,
    body: html`<h1>Let this app work on ${forgejo.host} as you?</h1>
<p class="soft">An app asks to be connected to your account. If you did not start that yourself just now, deny it.</p>
<dl>
<div><dt>The app calls itself (nobody has checked this)</dt><dd class="big"><bdi>${view.clientName}</bdi></dd></div>
${view.clientUrl !== undefined && html`<div><dt>The app is described at</dt><dd><code>${view.clientUrl}</code></dd></div>`}
<div><dt>Access will be handed to, and you will be sent back to</dt><dd class="big"><code>${destination(view)}</code></dd></div>
</dl>
${warning(view)}
<form method="post" action="/oauth/consent">
<input type="hidden" name="ticket" value="${view.ticket}">
${permissionFields(view.choice, {
  legend: 'What may it do?',
  problem: view.problem && PROBLEMS[view.problem],
  fixed: childCredential === 'token',
})}
<p class="small soft">${MARKED[view.marked]}It never gets more than it asked for, nor more than you may do yourself. What it does appears in Forgejo as done by you.</p>
<div class="actions">
<button class="primary" type="submit" name="decision" value="allow">Allow and sign in</button>
<button type="submit" name="decision" value="deny">Deny</button>
</div>
</form>
<p class="small soft">If you allow it, <strong>${forgejo.host}</strong> signs you in next; this page never sees your password. Later you can narrow this or end it under <a href="/connections">your connections</a>.</p>`,
  })
}

/** Why the page has marked what it has. */
const MARKED = {
  all: '',
  recalled: 'This is what you chose last time in this browser; the app asks for more. ',
  needed: 'The app had less and tried something that needs this. ',
}

const PROBLEMS = {
  unclear: 'Choose one of these.',
  nothing: 'Give it at least one area, or else deny it.',
}

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
