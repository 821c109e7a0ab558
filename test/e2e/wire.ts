import { hashToken } from '../../src/crypto.ts'

/** Whose tokens a session is used with. */
export interface Bearer {
  readonly tokens: { access_token: string }
}

/** What a POST on /mcp came to. */
export interface Reply {
  status: number
  headers: Headers
  text: string
  /** The JSON-RPC response in it, be it JSON or an event stream; undefined when there is none. */
  message?: {
    id: unknown
    result?: Record<string, unknown>
    error?: { code: number; message: string; data?: Record<string, unknown> }
  }
}

const HEADERS = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
}

/** The headers of a request with these tokens, in a session if there is one. */
export const bearer = (holder: Bearer, sessionId?: string): Record<string, string> => ({
  ...HEADERS,
  Authorization: `Bearer ${holder.tokens.access_token}`,
  ...(sessionId ? { 'Mcp-Session-Id': sessionId } : {}),
})

/** Posts a body to /mcp and reads the whole answer. */
export async function send(
  url: string,
  headers: Record<string, string>,
  body: unknown,
): Promise<Reply> {
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    redirect: 'manual',
  })
  const text = await answer.text()
  const reply: Reply = { status: answer.status, headers: answer.headers, text }
  const message = readResponse(text, answer.headers.get('content-type') ?? '')
  return message ? { ...reply, message } : reply
}

function readResponse(text: string, type: string): Reply['message'] {
  const texts = type.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => data)
    : type.startsWith('application/json')
      ? [text]
      : []
  return texts
    .map((each) => JSON.parse(each))
    .find((each) => each !== null && ('result' in each || 'error' in each))
}

/** A legacy session, used by plain requests. */
export interface Session {
  readonly id: string
  /** What the broker stores of the id. */
  readonly hash: string
  /** Whoever uses it; another holder may be put in to try a foreign session. */
  request(method: string, params?: Record<string, unknown>, as?: Bearer): Promise<Reply>
  notify(method: string, params?: Record<string, unknown>): Promise<Reply>
  /** The first text of a tool's result; throws with the whole answer when it has none. */
  tool(name: string, args?: Record<string, unknown>): Promise<string>
  /** The login that Forgejo sees behind a call. */
  whoami(): Promise<string>
  /** DELETE; the status. */
  end(): Promise<number>
}

/** The parameters of an `initialize`. */
export const hello = (version = '2025-06-18') => ({
  protocolVersion: version,
  capabilities: {},
  clientInfo: { name: 'by hand', version: '1' },
})

/** The text of a tool's result; throws with the whole answer when it has none. */
export function toolText(reply: Reply): string {
  const [first] = (reply.message?.result?.content ?? []) as { text?: string }[]
  if (first?.text === undefined) throw new Error(`${reply.status}: ${reply.text.slice(0, 500)}`)
  return first.text
}

/** Opens a session: `initialize`, then `notifications/initialized`. */
export async function openSession(url: string, holder: Bearer, version?: string): Promise<Session> {
  const opened = await send(url, bearer(holder), {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: hello(version),
  })
  const id = opened.headers.get('mcp-session-id')
  if (!id) throw new Error(`no session: ${opened.status} ${opened.text.slice(0, 500)}`)
  let last = 0
  const session: Session = {
    id,
    hash: hashToken(id),
    request: (method, params = {}, as = holder) =>
      send(url, bearer(as, id), { jsonrpc: '2.0', id: ++last, method, params }),
    notify: (method, params = {}) =>
      send(url, bearer(holder, id), { jsonrpc: '2.0', method, params }),
    tool: async (name, args = {}) =>
      toolText(await session.request('tools/call', { name, arguments: args })),
    async whoami() {
      const { Result } = JSON.parse(await session.tool('get_my_user_info'))
      return Result.login
    },
    async end() {
      const headers = bearer(holder, id)
      const { status, body } = await fetch(url, { method: 'DELETE', headers })
      await body?.cancel()
      return status
    },
  }
  await session.notify('notifications/initialized')
  return session
}
