import type { Connection } from '../oauth/connections.ts'
import type { Moment } from '../oauth/timeline.ts'
import { type Html, html } from './html.ts'
import { permissionFields } from './permission-fields.ts'
import { eventWords } from './timeline-words.ts'
import { connectionTrouble, type Trouble } from './trouble-words.ts'
import { timeTag } from './when.ts'

/** What the page around a card knows. */
interface Around {
  /** Epoch ms. */
  now: number
  formToken: string
  /** What was wrong with the permissions that were sent. */
  problem?: string | undefined
  /** Whether this broker cannot hold an app to less than it was given. */
  fixed: boolean
}

/** One connected client: what it is, how it stands, and three things to open: permissions, history, the end. */
export function connectionCard(
  connection: Connection,
  { now, formToken, problem, fixed }: Around,
): Html {
  const { id, clientName, clientUrl, places, choice, connectedAt, lastUsedAt } = connection
  const trouble = connectionTrouble(connection)
  const hidden = html`<input type="hidden" name="token" value="${formToken}"><input type="hidden" name="connection" value="${id}">`
  return html`<article class="connection" id="${id}" aria-labelledby="${id}-name">
<h2 id="${id}-name"><bdi>${clientName}</bdi> ${badge(connection)}</h2>
<p class="small soft">${clientUrl !== undefined ? html`Described at <code>${clientUrl}</code>. ` : ''}It signs in by way of ${places.map(
    (place, at) => html`${at > 0 ? ', ' : ''}<code>${place}</code>`,
  )}.</p>
<dl class="facts">
<div><dt>Connected</dt><dd>${timeTag(now, connectedAt)}</dd></div>
<div><dt>Last used</dt><dd>${lastUsedAt === undefined ? 'never' : timeTag(now, lastUsedAt)}</dd></div>
<div><dt>Sessions</dt><dd>${sessions(connection)}</dd></div>
</dl>
${trouble && troubleBox(trouble)}
${
  choice.areas.length > 0 &&
  !fixed &&
  html`<details${problem === undefined ? '' : html` open`}>
<summary>What it may do<span class="visually-hidden">: ${clientName}</span></summary>
<form method="post" action="/connections">
${hidden}
${permissionFields(choice, { legend: 'From now on it may', problem })}
<p class="small soft">This holds at once, also for what it is doing now. You can give back what you take away, up to what you allowed when you connected it.</p>
<div class="actions"><button class="primary" type="submit" name="do" value="change">Save what it may do</button></div>
</form>
</details>`
}
<details>
<summary>What happened<span class="visually-hidden">: ${clientName}</span></summary>
<ol class="timeline">
${connection.moments.map((moment) => momentItem(moment, now))}
</ol>
</details>
<details>
<summary>Disconnect<span class="visually-hidden">: ${clientName}</span></summary>
<form method="post" action="/connections">
${hidden}
<p>It loses its access at once and its sessions end. What it did on Forgejo stays. To use it again, connect it anew from the app.</p>
<div class="actions"><button class="danger" type="submit" name="do" value="disconnect">Disconnect <bdi>${clientName}</bdi></button></div>
</form>
</details>
</article>
`
}

/** What it may do, in two words. */
function badge({ choice, logins }: Connection): Html {
  if (logins === 0) return html`<span class="level">signed out</span>`
  const levels = choice.areas.map(({ level }) => level)
  if (levels.every((level) => level === 'none')) return html`<span class="level">no access</span>`
  return levels.includes('write')
    ? html`<span class="level strong">reads and writes</span>`
    : html`<span class="level">reads only</span>`
}

function sessions({ awake, asleep }: Connection): string {
  if (awake + asleep === 0) return 'none'
  return [awake > 0 && `${awake} awake`, asleep > 0 && `${asleep} asleep`]
    .filter(Boolean)
    .join(', ')
}

/** A box that says what is wrong and what to do. */
export const troubleBox = ({ title, text, advice, over }: Trouble): Html =>
  over
    ? html`<p class="past small"><strong>${title}.</strong> ${text} ${advice}</p>`
    : html`<div class="warning" role="note"><strong>${title}.</strong>
<p>${text} ${advice}</p></div>`

const momentItem = ({ at, since, failure, happened }: Moment, now: number): Html =>
  html`<li${failure && html` class="failure"`}>${timeTag(now, at)}<ul>${happened.map(
    (one) => html`<li>${eventWords(one)}</li>`,
  )}</ul>${since < at && html`<span class="small soft">since ${timeTag(now, since)}</span>`}</li>
`
