/** Marks a header value as base64 of UTF-8 (2026-07-28 streamable-http, "Value Encoding"). */
const SENTINEL = /^=\?base64\?(.*)\?=$/s

/** RFC 4648 §4, padded, with no bits left over. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** What a header value may be made of: visible ASCII, space and tab. */
const PLAIN = /^[\t\x20-\x7e]*$/

/** What a header value stands for; undefined when it is malformed. */
export function decodeHeader(value: string): string | undefined {
  const encoded = SENTINEL.exec(value)?.[1]
  if (encoded === undefined) return PLAIN.test(value) ? value : undefined
  if (!BASE64.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
