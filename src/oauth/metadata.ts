import type { Policy } from './policy.ts'

/** The authorization server metadata document (RFC 8414 §2, with RFC 9207 §3 and the CIMD flag). */
export function authorizationServerMetadata(policy: Policy) {
  return {
    issuer: policy.issuer,
    authorization_endpoint: policy.authorizationEndpoint,
    token_endpoint: policy.tokenEndpoint,
    registration_endpoint: policy.registrationEndpoint,
    revocation_endpoint: policy.revocationEndpoint,
    scopes_supported: policy.scopesSupported,
    response_types_supported: policy.responseTypes,
    response_modes_supported: ['query'],
    grant_types_supported: policy.grantTypes,
    token_endpoint_auth_methods_supported: policy.authMethods,
    revocation_endpoint_auth_methods_supported: policy.authMethods,
    code_challenge_methods_supported: policy.codeChallengeMethods,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: policy.cimd,
    protected_resources: [policy.resource],
  }
}

/** The protected resource metadata document (RFC 9728 §2). */
export function protectedResourceMetadata(policy: Policy) {
  return {
    resource: policy.resource,
    authorization_servers: [policy.issuer],
    scopes_supported: policy.scopesSupported,
    bearer_methods_supported: ['header'],
    resource_name: policy.resourceName,
  }
}
