import { Elysia } from 'elysia'
import { authorizeRoutes } from './authorize.ts'
import { connectionRoutes } from './connections.ts'
import type { HttpDeps } from './deps.ts'
import { createGate } from './gate.ts'
import { homeRoutes } from './home.ts'
import { mcpRoutes } from './mcp.ts'
import { createOps } from './ops.ts'
import { problemResponse } from './problem.ts'
import { registerRoutes } from './register.ts'
import { tokenRoutes } from './token.ts'
import { wellKnownRoutes } from './well-known.ts'

/**
 * The whole HTTP surface. Every request passes the gate (surface.ts lists the paths), then its handler; every error
 * passes problem.ts. Serve it with `app.fetch`, and set `app.server` so that the peer's address is known.
 */
export function createApp(deps: HttpDeps) {
  const gate = createGate(deps, createOps(deps))
  return new Elysia({
    name: 'broker',
    strictPath: true,
    // A host name may be short: Elysia otherwise looks for the path behind the eleventh character of an http URL.
    handler: { standardHostname: false },
  })
    .onRequest(({ request, server, set }) => {
      const { headers, reply } = gate(request, () => server?.requestIP(request)?.address)
      Object.assign(set.headers, headers)
      return reply
    })
    .onError(({ request, code, error }) => problemResponse(deps, request, code, error))
    .use(wellKnownRoutes(deps))
    .use(registerRoutes(deps))
    .use(authorizeRoutes(deps))
    .use(tokenRoutes(deps))
    .use(homeRoutes(deps))
    .use(connectionRoutes(deps))
    .use(mcpRoutes(deps))
}
