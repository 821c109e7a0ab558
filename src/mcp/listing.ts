import { elements } from './scan.ts'
import { sourceAt, splice } from './splice.ts'

/**
 * Edits the items of a listing in the answer of a child and leaves every other character as it is, `nextCursor`
 * included. An answer that has no such list, an error for one, stays the same.
 * @param text a whole JSON-RPC response; must be valid JSON
 * @param key the member of `result` that is the list: `tools`, `resources`, `resourceTemplates`
 * @param edit gets an item's JSON and returns what stands there instead; undefined leaves the item out
 */
export function editList(
  text: string,
  key: string,
  edit: (item: string) => string | undefined,
): string {
  const path = ['result', key]
  const list = sourceAt(text, path)
  if (!list?.startsWith('[')) return text
  const kept = elements(list, 0).flatMap(({ start, end }) => edit(list.slice(start, end)) ?? [])
  return splice(text, path, `[${kept.join(',')}]`)
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
