import {
  Client,
  type ClientCapabilities,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'

export type Mode = 'auto' | { pin: string }

/** SDK v2 with a token, speaking to the broker without a session. */
export async function connect(
  mcpUrl: string,
  token: () => string,
  { mode = 'auto', capabilities = {} }: { mode?: Mode; capabilities?: ClientCapabilities } = {},
) {
  const requests: { method: string; body: string; status: number; type: string | null }[] = []
  const transport = new StreamableHTTPClientTransport(new URL(mcpUrl), {
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set('Authorization', `Bearer ${token()}`)
      const answer = await fetch(url, { ...init, headers })
      requests.push({
        method: init?.method ?? 'GET',
        body: String(init?.body ?? ''),
        status: answer.status,
        type: answer.headers.get('content-type'),
      })
      return answer
    },
  })
  const client = new Client(
    { name: 'sdk-v2', version: '2.4.0' },
    { versionNegotiation: { mode }, capabilities },
  )
  return {
    client,
    transport,
    /** Every HTTP request so far. */
    requests,
    connect: () => client.connect(transport),
  }
}
