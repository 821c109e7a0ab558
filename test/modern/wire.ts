/** What every stateless request says of itself. */
export const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

export interface Sent {
  id?: string | number
  method?: string
  params?: Record<string, unknown>
  capabilities?: Record<string, unknown>
  /** Over what the message says; an empty value leaves one out. */
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Answer {
  status: number
  headers: Headers
  type: string | null
  /** The JSON-RPC response; of a stream its last message. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  body: any
  /** Everything said on a stream. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  said: any[]
}

/** The request as fetch wants it, with every header that the revision asks for. */
export function render(token: string, sent: Sent): RequestInit {
  const { id = 1, method = 'tools/call', params = {}, capabilities = {}, headers = {} } = sent
  const given = params._meta as Record<string, unknown> | undefined
  const _meta = {
    ...META,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...given,
  }
  const name = params.name ?? params.uri
  const all: Record<string, string> = {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': method,
    ...(typeof name === 'string' && { 'Mcp-Name': name }),
    ...headers,
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } })
  const kept = Object.entries(all).filter(([, value]) => value !== '')
  return {
    method: 'POST',
    headers: Object.fromEntries(kept),
    body,
    ...(sent.signal && { signal: sent.signal }),
  }
}

/** Sends one stateless request and reads the whole answer. */
export async function send(mcpUrl: string, token: string, sent: Sent): Promise<Answer> {
  const answer = await fetch(mcpUrl, render(token, sent))
  const type = answer.headers.get('content-type')
  const text = await answer.text()
  const said = type?.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data))
    : [text === '' ? undefined : JSON.parse(text)]
  return { status: answer.status, headers: answer.headers, type, body: said.at(-1), said }
}
