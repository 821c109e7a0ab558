/** Text that is HTML already. */
export interface Html {
  readonly html: string
}

/** What a template may hold: text is escaped, lists are joined, `undefined` and `false` are nothing. */
export type Part = string | number | Html | undefined | false | readonly Part[]

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char)

function render(part: Part): string {
  if (part === undefined || part === false) return ''
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return String(part)
  return 'html' in part ? part.html : part.map(render).join('')
}

/** Builds HTML in which every value is escaped, for text and for quoted attributes. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Html => ({
  html: strings.map((text, at) => text + render(parts[at])).join(''),
})

/** Marks text as HTML: for constants of this program only. */
export const trusted = (text: string): Html => ({ html: text })
