import { isObjectAt, lastMember, type Span, skipSpace } from './scan.ts'

/** Where the value of a member stands, `path` being the keys that lead to it; of two equal keys the last counts. */
export function spanAt(text: string, path: readonly string[]): Span | undefined {
  let span: Span = { start: skipSpace(text, 0), end: text.length }
  for (const name of path) {
    if (!isObjectAt(text, span.start)) return undefined
    const member = lastMember(text, span.start, name)
    if (member === undefined) return undefined
    span = member
  }
  return span
}

/** The JSON source of a member of an object, or undefined when there is none. The text must be valid JSON. */
export function sourceAt(text: string, path: readonly string[]): string | undefined {
  const span = spanAt(text, path)
  return span && text.slice(span.start, span.end)
}

/**
 * Puts another value, given as JSON, in the place of a member and leaves every other character as it is.
 * Returns the text unchanged when there is no such member. The text must be valid JSON.
 */
export function splice(text: string, path: readonly string[], source: string): string {
  const span = spanAt(text, path)
  return span ? replaceAt(text, span, source) : text
}

const replaceAt = (text: string, { start, end }: Span, source: string): string =>
  text.slice(0, start) + source + text.slice(end)

/**
 * Gives a message of a child the client's id; the rest stays as the child wrote it, digit for digit.
 * @param at where its id stands, if that is known
 */
export function withId(line: string, idText: string, at?: Span): string {
  const start = skipSpace(line, 0)
  const id = at ?? (isObjectAt(line, start) ? lastMember(line, start, 'id') : undefined)
  return id ? replaceAt(line, id, idText) : line
}
