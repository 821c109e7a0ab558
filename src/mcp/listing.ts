import { elements } from './scan.ts'
import { sourceAt, spanAt, splice } from './splice.ts'

/**
 * Puts another list in the place of the one in the answer of a child and leaves every other character as it is,
 * `nextCursor` included. An answer that has no such list, an error for one, stays the same.
 * @param text a whole JSON-RPC response; must be valid JSON
 * @param key the member of `result` that is the list: `tools`, `resources`, `resourceTemplates`
 * @param edit gets the list's JSON and returns what stands there instead
 */
export function editList(text: string, key: string, edit: (list: string) => string): string {
  const span = spanAt(text, ['result', key])
  if (span === undefined || text[span.start] !== '[') return text
  return text.slice(0, span.start) + edit(text.slice(span.start, span.end)) + text.slice(span.end)
}

/** Edits each item of a list given as JSON; an item for which `edit` returns undefined is left out. */
export function editItems(list: string, edit: (item: string) => string | undefined): string {
  const kept = elements(list, 0).flatMap(({ start, end }) => edit(list.slice(start, end)) ?? [])
  return `[${kept.join(',')}]`
}

/** Sets a member of a JSON object that is not empty, in place when it is there already. */
export function withMember(object: string, key: string, value: unknown): string {
  const json = JSON.stringify(value)
  if (sourceAt(object, [key]) !== undefined) return splice(object, [key], json)
  return `{${JSON.stringify(key)}:${json},${object.slice(1)}`
}

/** A string member of a JSON object; undefined when it is not there or no string, or when this is no object. */
export function textMember(object: string, key: string): string | undefined {
  const source = sourceAt(object, [key])
  return source?.startsWith('"') ? (JSON.parse(source) as string) : undefined
}
