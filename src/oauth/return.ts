import type { OAuthErrorCode } from '../errors.ts'
import type { AuthorizeOutcome } from './outcome.ts'

/** Where the browser may be sent back to: made only once a client and its redirect URI are known to belong together. */
export interface Return {
  redirectUri: string
  /** The client's own, echoed as it came. */
  state?: string
}

/**
 * A redirect back to the client (RFC 6749 §4.1.2), with its state and our issuer (RFC 9207 §2). The redirect URI is
 * kept to the letter, and a query it has stays (RFC 6749 §3.1.2).
 */
export function sendBack(
  issuer: string,
  back: Return,
  answer: Record<string, string>,
): Extract<AuthorizeOutcome, { kind: 'redirect' }> {
  const params = new URLSearchParams(answer)
  if (back.state !== undefined) params.set('state', back.state)
  params.set('iss', issuer)
  const { redirectUri } = back
  const joint = !redirectUri.includes('?') ? '?' : /[?&]$/.test(redirectUri) ? '' : '&'
  return { kind: 'redirect', location: `${redirectUri}${joint}${params}` }
}

/** A refusal that goes back to the client (RFC 6749 §4.1.2.1). */
export const refuse = (issuer: string, back: Return, error: OAuthErrorCode, description: string) =>
  sendBack(issuer, back, { error, error_description: description })
