import { Elysia } from 'elysia'
import {
  checkBatch,
  checkPostHeaders,
  type InboundHeaders,
  parseRejection,
  routePost,
  routeSession,
} from '../mcp/inbound.ts'
import { parseBody } from '../mcp/parse.ts'
import { err, ok, type Result, type Soon } from '../result.ts'
import type { Session } from '../session/session.ts'
import type { Caller, McpDeps } from './deps.ts'
import { type Admitted, admit, bearerPlugin, guardMcp } from './guard.ts'
import { call, converse, initialize, type Taken } from './hand-over.ts'
import {
  exchangeReply,
  nothingMore,
  refused,
  rejected,
  sessionNotFound,
  streamReply,
  tooLarge,
} from './mcp-reply.ts'
import { modern } from './modern.ts'
import { problemResponse } from './problem.ts'
import type { Reply } from './reply.ts'
import { announcedBytes, bytesOf } from './request.ts'

/** A POST that may bring its body: what its headers say, and who sent it. */
interface Posted {
  headers: InboundHeaders
  admitted: Admitted
  /** The length of the body in bytes, if that is said. */
  announced: number | undefined
}

export interface McpOptions {
  /** Headers of every answer on the path, unless somebody else sets them. */
  standing?: Readonly<Record<string, string>>
  /** The bearer plugin's value. */
  pluginToken?: string | undefined
}

/**
 * POST, GET and DELETE on /mcp (MCP Streamable HTTP), in the order of checks that the status table has. Never rejects.
 * One function waits for all that a call waits for: every one more costs as much as a check.
 */
export async function answerMcp(
  request: Request,
  deps: McpDeps,
  { standing, pluginToken }: McpOptions = {},
): Promise<Response> {
  try {
    const posted = begin(request, deps, pluginToken)
    let reply: Reply
    if (posted.ok) {
      const body = await bytesOf(request, posted.value.announced, deps.config.maxBodyBytes)
      const taken = body ? take(request, posted.value, body, deps) : err(tooLarge())
      const came = taken instanceof Promise ? await taken : taken
      reply = came.ok ? exchangeReply(await came.value.respond()) : came.error
    } else reply = posted.error
    deps.metrics.requests.inc({ method: request.method, status: String(reply.status) })
    return deps.respond(reply, standing)
  } catch (error) {
    const response = problemResponse(deps, request, 'UNKNOWN', error)
    for (const name in standing) response.headers.set(name, standing[name] ?? '')
    return response
  }
}

/** The same as a route. */
export const mcpRoutes = (deps: McpDeps) =>
  new Elysia({ name: 'mcp' })
    .use(bearerPlugin())
    .all('/mcp', ({ request, bearer }) => answerMcp(request, deps, { pluginToken: bearer }), {
      parse: 'none',
    })

function headersOf({ headers }: Request): InboundHeaders {
  return {
    accept: headers.get('accept') ?? undefined,
    contentType: headers.get('content-type') ?? undefined,
    protocolVersion: headers.get('mcp-protocol-version') ?? undefined,
    sessionId: headers.get('mcp-session-id') ?? undefined,
  }
}

/** What can be done about a request before its body is read: a POST that may bring it, or the reply to any other. */
function begin(request: Request, deps: McpDeps, pluginToken?: string): Result<Posted, Reply> {
  const admitted = guardMcp(request, deps, pluginToken)
  if (!admitted.ok) return admitted
  const headers = headersOf(request)
  if (request.method !== 'POST')
    return err(withoutBody(request, headers, admitted.value.caller, deps))
  const announced = announcedBytes(request)
  if (announced !== undefined && announced > deps.config.maxBodyBytes) return err(tooLarge())
  const fit = checkPostHeaders(headers)
  return fit.ok ? ok({ headers, admitted: admitted.value, announced }) : err(rejected(fit.error))
}

/** GET and DELETE. */
function withoutBody(
  request: Request,
  headers: InboundHeaders,
  caller: Caller,
  deps: McpDeps,
): Reply {
  const route = routeSession(request.method === 'GET' ? 'GET' : 'DELETE', headers)
  if (!route.ok) return rejected(route.error)
  const session = deps.registry.find(caller, route.value)
  if (!session.ok) return sessionNotFound()
  if (request.method === 'GET') return listen(request, session.value, caller, deps)
  deps.registry.end(session.value, 'by the client')
  return nothingMore()
}

/** A stream for what belongs to no call, or what a client missed on the one that its `Last-Event-ID` names. */
function listen(request: Request, session: Session, caller: Caller, deps: McpDeps): Reply {
  const reader = session.listen(caller, request.headers.get('last-event-id') || undefined)
  if (!reader.ok) return refused(reader.error, deps.policy, undefined)
  if (reader.value === undefined) return nothingMore()
  return streamReply(reader.value.body)
}

/** Reads the messages of a POST and hands them to where they go. */
function take(
  request: Request,
  { headers, admitted: before }: Posted,
  body: Uint8Array,
  deps: McpDeps,
): Soon<Taken> {
  // A body may come slowly, and the login may have ended meanwhile.
  const admitted = admit(before.token, deps, before.caller)
  if (!admitted.ok) return admitted
  const { caller } = admitted.value
  const parsed = parseBody(body)
  if (!parsed.ok) return err(rejected(parseRejection(parsed.error)))
  const route = routePost(headers, parsed.value)
  if (!route.ok) return err(rejected(route.error))
  if (route.value.kind === 'modern')
    return modern(request, route.value.message, caller, deps).then(err)
  if (route.value.kind === 'initialize')
    return initialize(route.value.request, caller, deps).then(err)

  const { sessionId, messages, batch } = route.value
  const session = deps.registry.find(caller, sessionId)
  if (!session.ok) return err(sessionNotFound())
  const allowed = checkBatch(batch, session.value.protocolVersion)
  if (!allowed.ok) return err(rejected(allowed.error))
  const [message] = messages
  return !batch && message?.kind === 'request'
    ? call(request, session.value, message, caller, deps)
    : converse(request, session.value, messages, caller, deps)
}
