import { OAuthError } from '../errors.ts'
import type { Policy } from './policy.ts'
import { checkRedirectUri, redirectHost } from './redirect-uri.ts'

/** What of a client's metadata means something here; whatever else it says is ignored. */
export interface ClientMetadata {
  name: string
  /** At least one, each fit for registration, in the client's order, none twice. */
  redirectUris: readonly string[]
}

/** The longest client name that is shown, in characters. */
export const MAX_NAME_LENGTH = 80

/** The most redirect URIs one client may have. */
const MAX_REDIRECT_URIS = 20

/** Methods that need a secret we would have to share: a document that anyone can read cannot hold one. */
const SHARED_SECRET_METHODS = new Set([
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
])

const invalid = (description: string) => new OAuthError('invalid_client_metadata', description)

/**
 * A client's own claim about its name, fit to be shown: control, bidi and other invisible characters are gone,
 * white space is single, stacked accents are cut, and it ends after MAX_NAME_LENGTH characters.
 */
export function cleanName(claim: string): string {
  const visible = claim
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Z}\t\n\r]+/gu, ' ')
    .replace(/[\p{C}\u115f\u1160\u3164\uffa0]/gu, '')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1')
    .trim()
  const characters = [...visible]
  if (characters.length <= MAX_NAME_LENGTH) return visible
  return `${characters
    .slice(0, MAX_NAME_LENGTH - 1)
    .join('')
    .trimEnd()}…`
}

/** A list of strings, or undefined when the member is absent. Throws invalid_client_metadata for anything else. */
function optionalStrings(members: Record<string, unknown>, name: string): string[] | undefined {
  const value = members[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw invalid(`${name} must be a list of strings`)
  return value
}

/**
 * Reads client metadata (RFC 7591 §2) from parsed JSON. Throws OAuthError `invalid_redirect_uri` for an unfit
 * redirect URI, `invalid_client_metadata` for everything else that cannot work here.
 */
export function parseClientMetadata(body: unknown, policy: Policy): ClientMetadata {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('client metadata must be a JSON object')
  const members = body as Record<string, unknown>
  const redirectUris = parseRedirectUris(members)
  const grantTypes = optionalStrings(members, 'grant_types')
  if (grantTypes && !grantTypes.includes('authorization_code'))
    throw invalid('grant_types must include authorization_code')
  const responseTypes = optionalStrings(members, 'response_types')
  if (responseTypes && !responseTypes.some((type) => policy.responseTypes.includes(type)))
    throw invalid('response_types must include code')
  const claim = members.client_name
  if (claim !== undefined && claim !== null && typeof claim !== 'string')
    throw invalid('client_name must be a string')
  return { name: cleanName(claim ?? '') || fallbackName(redirectUris), redirectUris }
}

function parseRedirectUris(members: Record<string, unknown>): string[] {
  const uris = optionalStrings(members, 'redirect_uris') ?? []
  const first = uris[0]
  if (first === undefined)
    throw new OAuthError('invalid_redirect_uri', 'redirect_uris must name at least one URI')
  if (uris.length > MAX_REDIRECT_URIS)
    throw new OAuthError('invalid_redirect_uri', `more than ${MAX_REDIRECT_URIS} redirect URIs`)
  for (const uri of uris) {
    const judged = checkRedirectUri(uri)
    if (!judged.ok) throw new OAuthError('invalid_redirect_uri', judged.error)
  }
  return [...new Set(uris)]
}

const fallbackName = ([first = '']: readonly string[]): string =>
  cleanName(`Unnamed client at ${redirectHost(first)}`)

/**
 * Reads a client-id metadata document. Beyond parseClientMetadata its `client_id` must be the very URL it was
 * fetched from, and it must not ask for a shared secret.
 */
export function parseClientDocument(body: unknown, url: string, policy: Policy): ClientMetadata {
  const metadata = parseClientMetadata(body, policy)
  const members = body as Record<string, unknown>
  if (members.client_id !== url) throw invalid('client_id is not the URL of the document')
  const method = members.token_endpoint_auth_method
  if (typeof method === 'string' && SHARED_SECRET_METHODS.has(method))
    throw invalid('a metadata document cannot use a shared secret')
  if (members.client_secret !== undefined || members.client_secret_expires_at !== undefined)
    throw invalid('a metadata document cannot hold a secret')
  return metadata
}

/** The text whose hash says whether two registrations are the same client: order of redirect URIs aside. */
export const canonicalMetadata = (metadata: ClientMetadata): string =>
  JSON.stringify([metadata.name, [...metadata.redirectUris].sort()])
