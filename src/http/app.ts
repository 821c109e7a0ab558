import { Elysia } from 'elysia'
import { authorizeRoutes } from './authorize.ts'
import { connectionRoutes } from './connections.ts'
import { createMcpDeps, type HttpDeps } from './deps.ts'
import { createGate } from './gate.ts'
import { homeRoutes } from './home.ts'
import { mcpRoutes } from './mcp.ts'
import { createMessages, isMessages } from './messages.ts'
import { createOps } from './ops.ts'
import { problemResponse } from './problem.ts'
import { registerRoutes } from './register.ts'
import { tokenRoutes } from './token.ts'
import { wellKnownRoutes } from './well-known.ts'

/** The HTTP surface, to be served by `fetch`. */
export interface App {
  /** The server that serves it: it knows the address of a request's sender. */
  server: Bun.Server<undefined> | null
  fetch(request: Request): Response | Promise<Response>
}

/**
 * The whole HTTP surface. Every request passes the gate (surface.ts lists the paths), then its handler; every error
 * passes problem.ts. What MCP clients post goes to its handler without the router, which would cost more than all
 * that the broker does about it.
 */
export function createApp(deps: HttpDeps): App {
  const gate = createGate(deps, createOps(deps))
  const mcp = createMcpDeps(deps)
  const messages = createMessages(mcp)
  const router = new Elysia({
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
    .use(mcpRoutes(mcp))
  return {
    get server() {
      return router.server
    },
    set server(server) {
      router.server = server
    },
    fetch: (request) => (isMessages(request) ? messages(request) : router.fetch(request)),
  }
}
