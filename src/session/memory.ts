import type { CallSink } from '../mcp/calls.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import type { SessionRow } from '../store/sessions.ts'
import { succeeded } from './handshake.ts'

/** What a session remembers of its requests, to be told to its next child. */
export type Told = Partial<Pick<SessionRow, 'logLevel' | 'subscriptions'>>

/** More subscriptions than this are not repeated to a woken child. */
const MAX_SUBSCRIPTIONS = 256

/** What a successful request changes for the children to come; undefined for all but three methods. */
function change(message: RpcRequest, row: Readonly<SessionRow>): (() => Told) | undefined {
  const { level, uri } = message.params ?? {}
  switch (message.method) {
    case 'logging/setLevel':
      return typeof level === 'string' ? () => ({ logLevel: level }) : undefined
    case 'resources/subscribe':
      if (typeof uri !== 'string') return undefined
      return () => ({
        subscriptions: [...new Set([...row.subscriptions, uri])].slice(0, MAX_SUBSCRIPTIONS),
      })
    case 'resources/unsubscribe':
      return () => ({ subscriptions: row.subscriptions.filter((known) => known !== uri) })
    default:
      return undefined
  }
}

/** The same sink, with `tell` called before it ends when a successful request is to be remembered. */
export function remembering(
  message: RpcRequest,
  sink: CallSink,
  row: Readonly<SessionRow>,
  tell: (told: Told) => void,
): CallSink {
  const told = change(message, row)
  if (!told) return sink
  return {
    message: (text) => sink.message(text),
    end(text) {
      if (succeeded(text)) tell(told())
      sink.end(text)
    },
  }
}
