import { Elysia } from 'elysia'
import { authorizationServerMetadata, protectedResourceMetadata } from '../oauth/metadata.ts'
import type { HttpDeps } from './deps.ts'

/** How long a metadata document may be kept, in seconds: short, because clients look right after a change. */
const HEADERS = { 'Cache-Control': 'public, max-age=60' }

/** The discovery documents (RFC 8414 §3, RFC 9728 §3), the latter with and without the resource's path. */
export const wellKnownRoutes = ({ policy }: Pick<HttpDeps, 'policy'>) =>
  new Elysia({ name: 'well-known' })
    .get('/.well-known/oauth-authorization-server', () =>
      Response.json(authorizationServerMetadata(policy), { headers: HEADERS }),
    )
    .get('/.well-known/oauth-protected-resource', () =>
      Response.json(protectedResourceMetadata(policy), { headers: HEADERS }),
    )
    .get('/.well-known/oauth-protected-resource/mcp', () =>
      Response.json(protectedResourceMetadata(policy), { headers: HEADERS }),
    )
