import { MODERN_RPC } from '../../errors.ts'
import { RESERVED } from '../../mcp/methods.ts'
import type { ModernCall } from '../../mcp/modern/check.ts'
import { isWanted } from '../../mcp/modern/envelope.ts'
import { readError } from '../../mcp/modern/outcome.ts'
import { pagesToVisit, type Said } from '../../mcp/modern/questions.ts'
import type { Params } from '../../mcp/rpc.ts'
import { members } from '../../mcp/scan.ts'
import { sourceAt, splice } from '../../mcp/splice.ts'
import type { PoolChild } from '../pool/child.ts'
import { ASKING, type Turn } from './turn.ts'

type Notification = Extract<Said, { kind: 'notification' }>

/**
 * Passes on what a child says about a call: its progress under the token that the client gave with this request, log
 * messages of the severity that it asked for, and to `changed` what concerns everybody. Without a turn nobody listens.
 */
export function forward(
  turn: Turn | undefined,
  { method, params }: Notification,
  text: string,
  changed: (method: string, params: Params) => void,
): void {
  switch (method) {
    case 'notifications/progress': {
      const meta = turn?.call.request.params?._meta as Params | undefined
      if (meta?.progressToken === undefined) return
      const token = JSON.stringify(meta.progressToken)
      turn?.sink.message(splice(plain(text), ['params', 'progressToken'], token))
      return
    }
    case 'notifications/message': {
      const from = turn?.call.logLevel
      if (from && isWanted(params.level, from)) turn?.sink.message(plain(text))
      return
    }
    default:
      changed(method, params)
  }
}

/** A notification without MCP's own keys in `_meta`: they are of the child's revision. */
function plain(text: string): string {
  if (!text.includes(RESERVED)) return text
  const path = ['params', '_meta']
  const meta = sourceAt(text, path)
  if (!meta?.startsWith('{')) return text
  const kept = members(meta, 0).filter(({ key }) => !key.startsWith(RESERVED))
  return splice(text, path, `{${kept.map(({ at, end }) => meta.slice(at, end)).join(',')}}`)
}

/** The pages that the user must visit before the call is made again, when that is what the child answered. */
export function pagesFor(child: PoolChild, call: ModernCall, text: string): Params[] {
  const mayAsk = ASKING.has(call.request.method) && call.capabilities.has('elicitation.url')
  if (!mayAsk || child.about.era === 'modern') return []
  const error = readError(text)
  return error?.code === MODERN_RPC.urlElicitation ? pagesToVisit(error.data) : []
}
