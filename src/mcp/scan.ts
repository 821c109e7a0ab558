/** A part of a JSON text: `start` inclusive, `end` exclusive, in UTF-16 units. */
export interface Span {
  start: number
  end: number
}

/** A member of an object as it stands in the text; the span is its value's. */
export interface Member extends Span {
  key: string
  /** Where the key opens. */
  at: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** The index of the first character at or after `at` that is not JSON whitespace. */
export function skipSpace(text: string, at: number): number {
  let i = at
  while (isSpace(text.charCodeAt(i))) i++
  return i
}

/** The index after the string that opens at `at`; the text's length when it never closes. */
function skipString(text: string, at: number): number {
  let i = at
  for (;;) {
    i = text.indexOf('"', i + 1)
    if (i < 0) return text.length
    let back = i - 1
    while (text.charCodeAt(back) === BACKSLASH) back--
    if ((i - back) % 2 === 1) return i + 1
  }
}

/** The index after the value that starts at `at`. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return skipString(text, at)
  let i = at
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code)) break
    }
    return i
  }
  let depth = 0
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = skipString(text, i)
      continue
    }
    i++
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) break
  }
  return i
}

/**
 * Whether arrays and objects are nested deeper than `depth`, or hold more than `values` values in all. The text need
 * not be valid JSON, so this can stand before any parser that recurses or takes time for each value.
 */
export function exceeds(text: string, limits: { depth: number; values: number }): boolean {
  let depth = 0
  let values = 0
  let i = 0
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = skipString(text, i)
      continue
    }
    i++
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
    else if (code !== COMMA) continue
    if (depth > limits.depth || ++values > limits.values) return true
  }
  return false
}

/** Whether the value that starts at `at` is an object. */
export const isObjectAt = (text: string, at: number): boolean => text.charCodeAt(at) === OPEN_BRACE

/**
 * Every member of the object that opens at `at`, duplicates included, in the order of the text and with
 * escapes in keys undone: what JSON.parse hides. Nested values are skipped. The text must be valid JSON.
 * Stops after `most` members.
 */
export function members(text: string, at: number, most = Number.POSITIVE_INFINITY): Member[] {
  const found: Member[] = []
  const cursor = cursorAt(text, at)
  while (found.length < most && advance(text, cursor)) {
    const { keyAt, keyEnd, start, end } = cursor
    const source = text.slice(keyAt, keyEnd)
    const key: string = source.includes('\\') ? JSON.parse(source) : source.slice(1, -1)
    found.push({ key, at: keyAt, start, end })
  }
  return found
}

/** The value of the last member with a key, as `members` would find it. */
export function lastMember(text: string, at: number, key: string): Span | undefined {
  let found: Span | undefined
  const cursor = cursorAt(text, at)
  while (advance(text, cursor)) {
    const { keyAt, keyEnd, start, end } = cursor
    if (isKey(text, keyAt, keyEnd, key)) found = { start, end }
  }
  return found
}

/** A member in a text, and where the next one is looked for. */
interface Cursor extends Span {
  keyAt: number
  keyEnd: number
  next: number
}

/** Before the first member of the object that opens at `open`. */
const cursorAt = (text: string, open: number): Cursor => ({
  keyAt: 0,
  keyEnd: 0,
  start: 0,
  end: 0,
  next: skipSpace(text, open + 1),
})

/** Moves on to the next member; false when there is none. */
function advance(text: string, cursor: Cursor): boolean {
  let i = cursor.next
  if (text.charCodeAt(i) !== QUOTE) return false
  cursor.keyAt = i
  i = skipString(text, i)
  cursor.keyEnd = i
  i = skipSpace(text, i)
  if (text.charCodeAt(i) === COLON) i = skipSpace(text, i + 1)
  cursor.start = i
  i = skipValue(text, i)
  cursor.end = i
  i = skipSpace(text, i)
  if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1)
  cursor.next = i
  return true
}

/** Whether the string that stands from `at` to `end` is a key, however it is written. */
function isKey(text: string, at: number, end: number, key: string): boolean {
  if (end - at - 2 === key.length && text.startsWith(key, at + 1)) return true
  for (let i = at; i < end; i++)
    if (text.charCodeAt(i) === BACKSLASH) return JSON.parse(text.slice(at, end)) === key
  return false
}

/** The spans of the first `most` elements of the array that opens at `at`. The text must be valid JSON. */
export function elements(text: string, at: number, most = Number.POSITIVE_INFINITY): Span[] {
  const found: Span[] = []
  let i = skipSpace(text, at + 1)
  while (i < text.length && text.charCodeAt(i) !== CLOSE_BRACKET && found.length < most) {
    const end = skipValue(text, i)
    found.push({ start: i, end })
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1)
  }
  return found
}
