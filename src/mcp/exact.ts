/** What ECMAScript 2025 adds to JSON (source text access); the type library does not know it yet. */
interface SourceJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): { rawJSON: string }
  isRawJSON(value: unknown): value is { rawJSON: string }
}

const exactJson = JSON as unknown as SourceJson

/** A number that may not survive JSON.parse: sixteen digits in a row, or an exponent. Strings may match too. */
const INEXACT = /[[:,\s]-?\d[\d.]*(?:[eE]|(?<=\d{16}))/

/**
 * Parses JSON so that writing the value again changes no number: one that JavaScript would spell otherwise
 * (2^53 and beyond, exponents) becomes a raw value, which JSON.stringify writes as it stood.
 * The common text without such numbers costs no more than JSON.parse. Throws what JSON.parse throws.
 */
export function parseExact(text: string): unknown {
  if (!INEXACT.test(text)) return JSON.parse(text)
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? exactJson.rawJSON(source)
      : value,
  )
}

/** The number that a parsed value stands for, raw or not; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return exactJson.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

/** Whether a parsed value may be an MCP request id or progress token: a string or an integer. */
export const isIdLike = (value: unknown): boolean =>
  typeof value === 'string' || Number.isInteger(numberOf(value))

/**
 * A key under which two spellings of the same id meet and a string never meets a number.
 * Undefined for what cannot be an id. An unsafe number must have come from parseExact.
 */
export function idKey(value: unknown): string | undefined {
  if (typeof value === 'string') return `s${value}`
  const number = numberOf(value)
  if (number === undefined || !Number.isInteger(number)) return undefined
  return Number.isSafeInteger(number) ? `n${number}` : `n${JSON.stringify(value)}`
}
