import { standingHeaders } from './cors.ts'
import type { McpDeps } from './deps.ts'
import { answerMcp } from './mcp.ts'
import { isFor } from './request.ts'
import { ruleFor } from './surface.ts'

const PATH = '/mcp'

/** Whether a request brings messages of an MCP client. One with a query goes through the router. */
export const isMessages = (request: Request): boolean =>
  request.method === 'POST' && isFor(request, PATH)

/** Answers those requests. What the gate looks at on this path, the guard of /mcp sees to. */
export function createMessages(deps: McpDeps): (request: Request) => Promise<Response> {
  const rule = ruleFor(PATH)
  return (request) => {
    const standing = standingHeaders(rule, request.headers.get('origin'), deps.config)
    return answerMcp(request, deps, { standing })
  }
}
