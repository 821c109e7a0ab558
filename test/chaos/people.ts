import { connectV1, connectV2, createProvider, type Provider } from '../fixtures/mcp-client.ts'

/** Somebody with an official client, connected. */
export interface Person {
  /** The login at Forgejo, as it was when the client was connected. */
  readonly user: string
  readonly provider: Provider
  /** Everything the client was told, and every error it threw, as text. */
  readonly said: string[]
  /** The notifications that belong to no call, as JSON. */
  readonly notes: string[]
  /** The session that the client thinks it is in. */
  sessionId(): string | undefined
  /** What Forgejo says who is calling. */
  whoami(): Promise<string>
  /** The first text of a tool's result; rejects with what the tool or the transport said. */
  tool(name: string, args?: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

export interface PersonOptions {
  user: string
  sdk?: 'v1' | 'v2'
  /** The client's name: another one is another client. */
  client?: string
  /** Goes on with what a client already holds. */
  provider?: Provider
}

/** How long a call may take before the client gives it up, in ms. */
const CALL_MS = 60_000

interface Call {
  name: string
  arguments: Record<string, unknown>
}

/** Connects an official client from nothing to its session. */
export async function connectPerson(mcpUrl: string, options: PersonOptions): Promise<Person> {
  const { user, sdk = 'v1' } = options
  const name = options.client ?? `${user}'s ${sdk}`
  const provider = options.provider ?? createProvider({ user, password: 'password' }, name)
  const said: string[] = []
  const notes: string[] = []
  const connected =
    sdk === 'v1' ? await connectV1(mcpUrl, provider) : await connectV2(mcpUrl, provider)
  const { client, transport } = connected
  const call: (params: Call) => Promise<unknown> =
    'request' in client && sdk === 'v1'
      ? (params) => (client as never as V1).callTool(params, undefined, { timeout: CALL_MS })
      : (params) => (client as never as V2).callTool(params, { timeout: CALL_MS })

  client.fallbackNotificationHandler = async (note: unknown) =>
    void notes.push(JSON.stringify(note))

  const person: Person = {
    user,
    provider,
    said,
    notes,
    sessionId: () => transport.sessionId,
    async tool(tool, args = {}) {
      try {
        const result = await call({ name: tool, arguments: args })
        said.push(JSON.stringify(result))
        const [first] = (result as { content?: { text?: string }[] }).content ?? []
        return first?.text ?? ''
      } catch (error) {
        said.push(String(error))
        throw error
      }
    },
    async whoami() {
      return JSON.parse(await person.tool('get_my_user_info')).Result.login
    },
    close: () => client.close(),
  }
  return person
}

interface V1 {
  callTool(params: Call, schema: undefined, options: { timeout: number }): Promise<unknown>
}
interface V2 {
  callTool(params: Call, options: { timeout: number }): Promise<unknown>
}
