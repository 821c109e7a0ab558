import { s256, sameSecret } from '../crypto.ts'

/** RFC 7636 §4.1: 43 to 128 unreserved characters. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** RFC 7636 §4.2: the base64url of a SHA-256, which is always 43 characters. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

/** Whether a text can be an S256 challenge. */
export const isChallenge = (text: string): boolean => CHALLENGE.test(text)

/** Whether `verifier` is what `challenge` was made from (RFC 7636 §4.6), in constant time. */
export const verifierMatches = (verifier: string, challenge: string): boolean =>
  VERIFIER.test(verifier) && sameSecret(s256(verifier), challenge)
