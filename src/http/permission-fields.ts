import type { Access, AreaChoice, ScopeChoice } from '../oauth/choice.ts'
import { type Html, html, trusted } from './html.ts'
import { areaWords, inOrder, type ScopeLine, scopeLines } from './scope-words.ts'

/**
 * The fields of a form that choose permissions: `access` and, for a choice by area, `area.<name>`. They work without a
 * script: a browser that cannot hide what is not chosen shows it, and the server reads only what counts. With `fixed`
 * there is nothing to choose, because this broker could not hold an app to less.
 */
export function permissionFields(
  choice: ScopeChoice,
  words: { legend: string; problem?: string | undefined; fixed?: boolean },
): Html {
  const { always } = choice
  const areas = inOrder(choice.areas)
  const reading = areas.map(({ area }) => `read:${area}`)
  const most = areas.map(({ area, most }) => `${most}:${area}`)
  const options: Option[] = [
    {
      access: 'read',
      title: 'Read only',
      text: 'It sees what you can see there, and changes nothing.',
      body: scopeList([...reading, ...always]),
    },
  ]
  if (areas.some((area) => area.most === 'write'))
    options.push({
      access: 'write',
      title: 'Read and write',
      text: 'It also changes things, and may delete them.',
      body: scopeList([...most, ...always]),
    })
  if (areas.length > 1)
    options.push({
      access: 'areas',
      title: 'Choose by area',
      text: 'You say for each area how far it gets.',
      body: html`${areas.map(areaFields)}`,
    })
  if (words.fixed)
    return html`<h2>${words.legend}</h2><input type="hidden" name="access" value="write">${scopeList([...most, ...always])}`
  const [only] = options
  if (options.length === 1 && only)
    return html`<h2>${words.legend}</h2><input type="hidden" name="access" value="${only.access}">${only.body}`
  return html`<fieldset class="choices">
<legend>${words.legend}</legend>
${words.problem && html`<p class="warning" role="alert">${words.problem}</p>`}
${options.map((option) => choiceField(option, option.access === choice.access))}
</fieldset>`
}

interface Option {
  access: Access
  title: string
  text: string
  body: Html
}

const checked = (isChecked: boolean): Html => trusted(isChecked ? ' checked' : '')

const choiceField = ({ access, title, text, body }: Option, isChosen: boolean): Html =>
  html`<div class="choice">
<label class="pick"><input type="radio" name="access" value="${access}"${checked(isChosen)}><span><strong>${title}</strong> <span class="what">${text}</span></span></label>
<div class="reveal">${body}</div>
</div>
`

const LEVELS = [
  ['none', 'No access'],
  ['read', 'Read'],
  ['write', 'Read and write'],
] as const

function areaFields({ area, most, level }: AreaChoice): Html {
  const words = areaWords(area)
  const levels = LEVELS.filter(([value]) => most === 'write' || value !== 'write')
  return html`<fieldset class="area">
<legend>${words.name}</legend>
<div class="levels">${levels.map(
    ([value, label]) =>
      html`<label><input type="radio" name="area.${area}" value="${value}"${checked(value === level)}><span>${label}</span></label>`,
  )}</div>
<p class="what if-none">It gets nothing of this.</p><p class="what if-read">${words.read}</p>${most === 'write' && html`<p class="what if-write">${words.write}</p>`}
</fieldset>
`
}

/** Scopes as a list, one line for each area. */
export const scopeList = (scopes: readonly string[]): Html => html`<ul class="scopes">
${scopeLines(scopes).map(scopeItem)}
</ul>`

const scopeItem = ({ area, level, text }: ScopeLine): Html => html`<li><strong>${area}</strong>${
  level === 'read'
    ? html`<span class="level">${level}</span>`
    : html`<span class="level strong">${level}</span>`
}<span class="what">${text}</span></li>
`
