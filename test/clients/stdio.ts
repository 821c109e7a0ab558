import { until } from '../fixtures/until.ts'
import type { Home } from './home.ts'

interface Message {
  id?: number | string
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string }
}

/** Longest time that an answer may take, a login included, in ms. */
const ANSWER_MS = 30_000

/** What a desktop application does with an MCP server that it starts: JSON-RPC by lines. */
export function startStdio(home: Home, command: string[], answers: Record<string, unknown> = {}) {
  const { child, said, ended } = home.start(command)
  const received: Message[] = []
  const send = (message: Message) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    child.stdin.flush()
  }
  const reading = (async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const message = JSON.parse(line) as Message
        received.push(message)
        const result = answers[message.method ?? ''] as Message['result']
        if (message.id !== undefined && result) send({ id: message.id, result })
      }
    }
  })()
  let last = -1

  const client = {
    /** Every message that came. */
    received,
    said,
    /** Sends a request; its response, also when that is an error. */
    async request(method: string, params: Record<string, unknown> = {}): Promise<Message> {
      last += 1
      const id = last
      send({ id, method, params })
      return await until(
        `an answer to ${method}`,
        () => {
          if (child.exitCode !== null) throw new Error(`the client ended:\n${said()}`)
          return received.find((each) => each.id === id && each.method === undefined)
        },
        ANSWER_MS,
      )
    },
    notify: (method: string) => send({ method }),
    /** The text of a tool's result; throws with the whole answer when it has none. */
    async tool(name: string, args: Record<string, unknown> = {}): Promise<string> {
      const answer = await client.request('tools/call', { name, arguments: args })
      const [first] = (answer.result?.content ?? []) as { text?: string }[]
      if (first?.text === undefined) throw new Error(JSON.stringify(answer))
      return first.text
    },
    /** The login that Forgejo sees behind a call. */
    async whoami(): Promise<string> {
      return JSON.parse(await client.tool('get_my_user_info')).Result.login
    },
    /** Shakes hands. */
    async open(capabilities: Record<string, unknown> = {}): Promise<Message> {
      const opened = await client.request('initialize', {
        protocolVersion: '2025-06-18',
        capabilities,
        clientInfo: { name: 'desktop', version: '1' },
      })
      client.notify('notifications/initialized')
      return opened
    },
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill('SIGTERM')
      const slow = setTimeout(() => child.kill('SIGKILL'), 3000)
      await ended()
      clearTimeout(slow)
      await reading
    },
  }
  return client
}
