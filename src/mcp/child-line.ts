import { elements, isObjectAt, type Member, members, type Span, skipSpace } from './scan.ts'

/** An answer of so many characters is not parsed: its client does that, and to find its id costs much less. */
const LARGE_CHARS = 64 * 1024

/** Members of a large answer; with more it is parsed. */
const MAX_MEMBERS = 16

/** How much of a large answer is looked at for what stands before its result, and at its end. */
const HEAD_CHARS = 512
const TAIL_CHARS = 64

/** The strings `id` and `method`, and what any other spelling of them holds: one of their letters as an escape. */
const LATER = ['"id"', '"method"', '\\u006', '\\u0074']

/** A message of a child: its source, and what that says. */
export interface ChildMessage {
  text: string
  /** Of a large answer the id only; its `result` or `error` is null. */
  value: unknown
  /** Where its id stands, where that is known. */
  id?: Span
}

/**
 * The messages of a line, one or a batch; undefined when the line is no JSON.
 * @param known what it says, if somebody has parsed it before
 * @param largeChars from how many characters on an answer is not parsed, but only seen to open and close as it should
 */
export function readLine(
  line: string,
  known?: unknown,
  largeChars = LARGE_CHARS,
): ChildMessage[] | undefined {
  const outlined = known !== undefined || line.length < largeChars ? undefined : outline(line)
  if (outlined) return [outlined]
  let value = known
  try {
    value ??= JSON.parse(line)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return [{ text: line, value }]
  return elements(line, skipSpace(line, 0)).map(({ start, end }, index) => ({
    text: line.slice(start, end),
    value: value[index],
  }))
}

/** A large answer by its members; undefined for anything else. */
function outline(text: string): ChildMessage | undefined {
  const start = skipSpace(text, 0)
  if (!isObjectAt(text, start)) return undefined
  const value: Record<string, unknown> = {}
  let id: Span | undefined
  try {
    const found = firstMembers(text, start) ?? allMembers(text, start)
    for (const { key, start, end } of found ?? []) {
      if (key === 'method') return undefined
      if (key === 'id') id = { start, end }
      if (key === 'result' || key === 'error') value[key] = null
    }
    if (!id) return undefined
    value.id = JSON.parse(text.slice(id.start, id.end))
  } catch {
    // A key or the id is no JSON, or a key was cut in two.
    return undefined
  }
  return { text, value, id }
}

/** Every member of an object, when the text ends with it. */
function allMembers(text: string, at: number): Member[] | undefined {
  const found = members(text, at, MAX_MEMBERS)
  const close = skipSpace(text, found.at(-1)?.end ?? text.length)
  const ends = text[close] === '}' && skipSpace(text, close + 1) === text.length
  return ends ? found : undefined
}

/**
 * The members of an answer up to its result, when no later one can be its id or a method: neither stands anywhere
 * behind as a string, in whatever spelling. A search for that is many times faster than a look at each string.
 */
function firstMembers(text: string, at: number): Member[] | undefined {
  const found = members(text.slice(0, HEAD_CHARS), at, MAX_MEMBERS)
  const last = found.at(-1)
  if (last?.key !== 'result' || !isObjectAt(text, last.start)) return undefined
  if (last.end < HEAD_CHARS || !/\}\s*\}\s*$/.test(text.slice(-TAIL_CHARS))) return undefined
  const rest = Buffer.from(text.slice(last.start))
  return LATER.some((each) => rest.includes(each)) ? undefined : found
}

/** Takes a request back, in either direction; `requestId` is the receiver's. */
export const cancelled = (requestId: number, reason: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId, reason },
  })
