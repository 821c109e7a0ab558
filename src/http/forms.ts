import { OAuthError } from '../errors.ts'
import { mediaTypeOf, readBody } from './request.ts'

/** Largest form or registration that is read, in bytes. */
const MAX_BYTES = 64 * 1024

async function readText(request: Request): Promise<string> {
  const body = await readBody(request, MAX_BYTES)
  if (!body.ok) throw new OAuthError('invalid_request', 'the body is too large', { status: 413 })
  return new TextDecoder().decode(body.value)
}

/** Reads a form body (RFC 6749 §4.1.3, Appendix B). Throws OAuthError `invalid_request` for any other type, or 413. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (mediaTypeOf(request) !== 'application/x-www-form-urlencoded')
    throw new OAuthError('invalid_request', 'the body must be application/x-www-form-urlencoded')
  return new URLSearchParams(await readText(request))
}

/** Reads a JSON body (RFC 7591 §3.1). Throws OAuthError `invalid_client_metadata` when it is not JSON, or 413. */
export async function readJson(request: Request): Promise<unknown> {
  if (mediaTypeOf(request) !== 'application/json')
    throw new OAuthError('invalid_client_metadata', 'the body must be application/json')
  const text = await readText(request)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OAuthError('invalid_client_metadata', 'the body is not JSON', { cause })
  }
}
