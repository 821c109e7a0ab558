import { RPC } from '../errors.ts'
import { modernClientName, takesChallenges } from '../mcp/client-info.ts'
import type { Denial } from '../mcp/permissions.ts'
import { errorText, type RpcRequest } from '../mcp/rpc.ts'
import { plainScopes } from '../scopes.ts'
import type { Session } from '../session/session.ts'
import type { Caller, HttpDeps } from './deps.ts'
import { jsonReply } from './mcp-reply.ts'
import type { Reply } from './reply.ts'

type ScopeDeps = Pick<HttpDeps, 'permissions' | 'policy' | 'stepUps'>

/** A request that its caller's scopes do not allow: the error it gets, and what the client is to ask for. */
export interface Denied {
  text: string
  /** The scope that a new login should ask for: what is held and what is needed. Undefined when none would help. */
  scope: string | undefined
}

/**
 * Judges a request before anything is said to the child (RFC 6750 §3.1); undefined when it may go on. A refusal is
 * audited, with its session if it has one. Nothing is asked for that this server cannot give, in a batch, or of a client
 * that would not survive it or has answered before.
 */
export function denied(
  deps: ScopeDeps,
  caller: Caller,
  session: Pick<Session, 'hash' | 'clientName'> | undefined,
  request: RpcRequest,
  batch: boolean,
): Denied | undefined {
  const { permissions, stepUps } = deps
  const denial = permissions.denial(request, caller.scopes)
  if (!denial) return undefined
  const { missing, grantable } = denial
  const wanted = plainScopes([...caller.scopes, ...missing])
  const name = session ? session.clientName : modernClientName(request.params)
  const how = stepUps.refused(caller, {
    ...(session && { sessionHash: session.hash }),
    reason: missing.length > 0 ? `${denial.what} needs ${missing.join(' ')}` : denial.what,
    missing,
    open: grantable && !batch && takesChallenges(name),
  })
  if (how === 'challenge')
    return { text: denialText(denial, request.idText, wanted), scope: wanted.join(' ') }
  const text = grantable ? `${denial.text} ${wayOut(deps.policy.issuer)}` : denial.text
  return { text: denialText({ ...denial, text }, request.idText, wanted), scope: undefined }
}

/** The reply to a request on its own: 403 with the challenge, or the plain error. */
export function deniedReply(deps: ScopeDeps, { text, scope }: Denied): Reply {
  if (scope === undefined) return jsonReply(200, text)
  // Clients search the header without parsing it: what they look for stands before the free text.
  const challenge =
    `Bearer error="insufficient_scope", scope="${scope}", ` +
    `resource_metadata="${deps.policy.resourceMetadata}", error_description="more permissions are needed"`
  return jsonReply(403, text, { 'WWW-Authenticate': challenge })
}

/** What a person can do whom the client will not ask. */
const wayOut = (issuer: string): string =>
  `At ${issuer}/connections they can give back what they took from it, or disconnect it: then it asks them anew.`

function denialText(denial: Denial, idText: string, wanted: readonly string[]): string {
  if (denial.missing.length === 0)
    return errorText(idText, RPC.insufficientScope, denial.text, { reason: 'not_offered' })
  const data = { reason: 'insufficient_scope', missing: denial.missing, scope: wanted.join(' ') }
  return errorText(idText, RPC.insufficientScope, denial.text, data)
}
