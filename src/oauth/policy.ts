import type { Config } from '../config.ts'
import { impliedScopes } from '../scopes.ts'

/**
 * What this authorization server can do. The metadata documents are rendered from it and requests are judged by it,
 * so that what is advertised and what is enforced cannot drift apart.
 */
export interface Policy {
  /** Our own origin, without a trailing slash: `iss`, and the first of `authorization_servers`. */
  readonly issuer: string
  /** The one protected resource (RFC 8707): the MCP URL that people paste. */
  readonly resource: string
  readonly resourceName: string
  /** Where RFC 9728 metadata for the resource is; the challenge on a 401 names it. */
  readonly resourceMetadata: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly registrationEndpoint: string
  readonly revocationEndpoint: string
  /** The `redirect_uri` registered at Forgejo. */
  readonly callbackUrl: string
  /** Everything a request may name: the configured scopes and the `read:` that each `write:` implies. */
  readonly scopesSupported: readonly string[]
  /** What a request gets that names no scope we know. */
  readonly defaultScopes: readonly string[]
  readonly grantTypes: readonly string[]
  readonly responseTypes: readonly string[]
  readonly codeChallengeMethods: readonly string[]
  /** Clients are public: none of them has a secret. */
  readonly authMethods: readonly string[]
  /** Client-id metadata documents are taken. */
  readonly cimd: boolean
  /**
   * The scopes a request gets: those it names that we know, in our order; the default when it names none.
   * Unknown words are ignored, not refused: clients send `openid` and `offline_access` unasked.
   */
  selectScopes(requested: string | undefined): string[]
  /** Whether a `resource` parameter (RFC 8707 §2) means our resource; a trailing slash is forgiven. */
  isOurResource(value: string): boolean
}

/** The policy that follows from the configuration. */
export function createPolicy(
  config: Pick<Config, 'publicUrl' | 'forgejoUrl' | 'forgejoScopes'>,
): Policy {
  const issuer = config.publicUrl
  const resource = `${issuer}/mcp`
  const defaultScopes = Object.freeze([...config.forgejoScopes])
  const scopesSupported = Object.freeze([...impliedScopes(config.forgejoScopes)])
  return Object.freeze<Policy>({
    issuer,
    resource,
    resourceName: `Forgejo at ${new URL(config.forgejoUrl).host}`,
    resourceMetadata: `${issuer}/.well-known/oauth-protected-resource/mcp`,
    authorizationEndpoint: `${issuer}/oauth/authorize`,
    tokenEndpoint: `${issuer}/oauth/token`,
    registrationEndpoint: `${issuer}/oauth/register`,
    revocationEndpoint: `${issuer}/oauth/revoke`,
    callbackUrl: `${issuer}/oauth/callback`,
    scopesSupported,
    defaultScopes,
    grantTypes: Object.freeze(['authorization_code', 'refresh_token']),
    responseTypes: Object.freeze(['code']),
    codeChallengeMethods: Object.freeze(['S256']),
    authMethods: Object.freeze(['none']),
    cimd: true,
    selectScopes(requested) {
      const asked = new Set((requested ?? '').split(' '))
      const known = scopesSupported.filter((scope) => asked.has(scope))
      return known.length > 0 ? known : [...defaultScopes]
    },
    isOurResource: (value) => value === resource || value === `${resource}/`,
  })
}
