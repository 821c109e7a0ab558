import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/** SHA-256 of a token, code, state or session id, in hex: the only form in which those are stored. */
export type TokenHash = string & { readonly __brand: 'TokenHash' }

/** Text sealed by a Sealer: `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url parts. */
export type Sealed = string & { readonly __brand: 'Sealed' }

/** A symmetric key of exactly 32 bytes. */
export type Key = Uint8Array

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_ID_BYTES = 6

/** A random bearer secret of 256 bits, base64url (43 characters), with an optional readable prefix. */
export const randomToken = (prefix = ''): string => prefix + randomBytes(32).toString('base64url')

/** A session id of 192 random bits, base64url (32 characters). */
export const randomSessionId = (): string => randomBytes(24).toString('base64url')

/** A row id of 96 random bits: unique, not secret. */
export const randomId = (prefix: string): string => `${prefix}_${randomBytes(12).toString('hex')}`

/** A new sealing key. */
export const randomKey = (): Key => randomBytes(KEY_BYTES)

/** A number in [0, 1), for jitter only. */
export const randomFraction = (): number => randomBytes(4).readUInt32BE() / 2 ** 32

/** SHA-256 in hex. The inputs carry at least 192 random bits, so no salt or stretching is needed. */
export const hashToken = (token: string): TokenHash => Bun.SHA256.hash(token, 'hex') as TokenHash

/** HMAC-SHA-256 in base64url. */
export const hmac = (key: Uint8Array | string, text: string): string =>
  createHmac('sha256', key).update(text).digest('base64url')

/** Compares two strings in constant time, whatever their lengths. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(a)), Buffer.from(hashToken(b)))
}

/** The base64url SHA-256 of an ASCII string: RFC 7636 §4.2 `S256`. */
export const s256 = (text: string): string =>
  new Bun.CryptoHasher('sha256').update(text).digest('base64url')

/** Reads a key written as base64url (padding allowed); undefined unless it is exactly 32 bytes. */
export function parseKey(text: string): Key | undefined {
  if (!/^[A-Za-z0-9_-]{43}=?$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64url')
  return key.length === KEY_BYTES ? key : undefined
}

/** The text form that parseKey reads. */
export const formatKey = (key: Key): string => Buffer.from(key).toString('base64url')

/** An id for a key that tells nothing of it: an HMAC under the key itself. */
export const keyId = (key: Key): string =>
  createHmac('sha256', key)
    .update('fjmcp-broker key id')
    .digest()
    .subarray(0, KEY_ID_BYTES)
    .toString('base64url')

/** Derives a key from a random token, so that whoever holds the token, and nobody else, can open what it seals. */
export const keyFromToken = (token: string, purpose: string): Key =>
  createHmac('sha256', token).update(`fjmcp-broker ${purpose}`).digest()

/** Seals and opens text under AES-256-GCM, bound to the place it is stored in. */
export interface Sealer {
  /** Seals `text`; only `open` with the same `context` (table, column and row) gives it back. */
  seal(text: string, context: string): Sealed
  /** Opens what any of the sealer's keys sealed; undefined for another key, another context or a changed byte. */
  open(sealed: Sealed, context: string): string | undefined
  /** Whether the text was sealed with the key that `seal` uses now. */
  isCurrent(sealed: Sealed): boolean
}

/** A sealer that seals with the first key and opens with any of them. Needs at least one key. */
export function createSealer(keys: readonly Key[]): Sealer {
  const [current] = keys
  if (!current) throw new Error('a sealer needs a key')
  const byId = new Map(keys.map((key) => [keyId(key), key]))
  const currentId = keyId(current)
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${currentId}.${nonce.toString('base64url')}.${body.toString('base64url')}` as Sealed
    },
    open(sealed, context) {
      const [version, id, nonce, body] = sealed.split('.')
      const key = byId.get(id ?? '')
      if (version !== 'v1' || !key || !nonce || !body) return undefined
      const bytes = Buffer.from(body, 'base64url')
      if (bytes.length < TAG_BYTES) return undefined
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'))
        decipher.setAAD(Buffer.from(context))
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
        const text = decipher.update(bytes.subarray(0, -TAG_BYTES))
        return Buffer.concat([text, decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
    isCurrent: (sealed) => sealed.startsWith(`v1.${currentId}.`),
  }
}
