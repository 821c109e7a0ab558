import { expect, test } from 'bun:test'
import { authorizationServerMetadata, protectedResourceMetadata } from '../../src/oauth/metadata.ts'
import { createPolicy } from '../../src/oauth/policy.ts'

const policy = createPolicy({
  publicUrl: 'https://mcp.example.org',
  forgejoUrl: 'https://git.example.org',
  forgejoScopes: ['write:issue'],
})

test('RFC 8414 metadata says what the policy enforces', () => {
  expect(JSON.parse(JSON.stringify(authorizationServerMetadata(policy)))).toEqual({
    issuer: 'https://mcp.example.org',
    authorization_endpoint: 'https://mcp.example.org/oauth/authorize',
    token_endpoint: 'https://mcp.example.org/oauth/token',
    registration_endpoint: 'https://mcp.example.org/oauth/register',
    revocation_endpoint: 'https://mcp.example.org/oauth/revoke',
    scopes_supported: ['write:issue', 'read:issue'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    protected_resources: ['https://mcp.example.org/mcp'],
  })
})

test('offline_access is not advertised: clients would ask for a consent screen each time', () => {
  expect(authorizationServerMetadata(policy).scopes_supported).not.toContain('offline_access')
  expect(protectedResourceMetadata(policy).scopes_supported).not.toContain('offline_access')
})

test('RFC 9728 metadata names the MCP URL and the issuer as the same strings as elsewhere', () => {
  expect(protectedResourceMetadata(policy)).toEqual({
    resource: 'https://mcp.example.org/mcp',
    authorization_servers: ['https://mcp.example.org'],
    scopes_supported: ['write:issue', 'read:issue'],
    bearer_methods_supported: ['header'],
    resource_name: 'Forgejo at git.example.org',
  })
})
