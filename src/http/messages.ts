import { standingHeaders } from './cors.ts'
import type { HttpDeps } from './deps.ts'
import { answerMcp } from './mcp.ts'
import { problemResponse } from './problem.ts'
import { pathOf } from './request.ts'
import { ruleFor } from './surface.ts'

const PATH = '/mcp'

/** Whether a request brings messages of an MCP client. */
export const isMessages = (request: Request): boolean =>
  request.method === 'POST' && pathOf(request) === PATH

/** Answers those requests. What the gate looks at on this path, the guard of /mcp sees to. */
export function createMessages(deps: HttpDeps): (request: Request) => Promise<Response> {
  const rule = ruleFor(PATH)
  return async (request) => {
    const response = await answerMcp(request, deps).catch((error) =>
      problemResponse(deps, request, 'UNKNOWN', error),
    )
    const headers = standingHeaders(rule, request.headers.get('origin'), deps.config)
    for (const name in headers) response.headers.set(name, headers[name] ?? '')
    return response
  }
}
