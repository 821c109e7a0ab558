import type { Subject } from './subjects.ts'

/** Whether a call belongs to a session, or says everything itself. */
export type Era = 'legacy' | 'modern'

/** What is called, and how much of it at once. */
export interface Scenario {
  readonly era: Era
  readonly tool: Tool
  readonly connections: number
  /** Fewest bytes of an answer that is no error. */
  readonly leastBytes: number
}

/** What one run of the load generator saw; times in microseconds. */
export interface Run {
  calls: number
  perSecond: number
  p50: number
  p99: number
  bad: number
}

const VERSION = { legacy: '2025-06-18', modern: '2026-07-28' } as const

/** What a stateless request says of itself. */
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION.modern,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** How a client over stdio, or with a session, begins. */
export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: VERSION.legacy,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
}

/** The load generator puts an id of its own, with as many digits, in its place. */
const ID_MARK = '@@@@@@@@'

/** What is called with what. child.c answers anything; forgejo-mcp asks Forgejo nothing for the last one. */
const ARGUMENTS = {
  get_issue_by_index: { owner: 'forgejo', repo: 'forgejo', index: 4711 },
  get_file_content: { owner: 'forgejo', repo: 'forgejo', ref: 'main', filePath: 'go.sum' },
  get_forgejo_mcp_server_version: {},
}

type Tool = keyof typeof ARGUMENTS

const mcpHeaders = (
  subject: Subject,
  more: Record<string, string> = {},
): Record<string, string> => ({
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  'MCP-Protocol-Version': VERSION.legacy,
  ...more,
  ...subject.headers,
})

const sessionHeader = (session: string | undefined): Record<string, string> =>
  session === undefined ? {} : { 'Mcp-Session-Id': session }

const modernHeaders = (method: string, name?: string): Record<string, string> => ({
  'MCP-Protocol-Version': VERSION.modern,
  'Mcp-Method': method,
  ...(name !== undefined && { 'Mcp-Name': name }),
})

/** One call as a client of an era sends it. A stateless one has no session. */
function renderCall(subject: Subject, era: Era, tool: Tool, id: string, session?: string) {
  const params = JSON.stringify({
    name: tool,
    arguments: ARGUMENTS[tool],
    ...(era === 'modern' && { _meta: META }),
  })
  return {
    headers: mcpHeaders(
      subject,
      era === 'modern' ? modernHeaders('tools/call', tool) : sessionHeader(session),
    ),
    body: `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`,
  }
}

async function post(
  subject: Subject,
  { body, headers }: { body: string; headers: Record<string, string> },
): Promise<{ headers: Headers; text: string }> {
  const url = `http://127.0.0.1:${subject.port}/mcp`
  const answer = await fetch(url, { method: 'POST', headers, body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${subject.name} answered ${answer.status}: ${text}`)
  return { headers: answer.headers, text }
}

/** Makes one small call and returns the answer's text; throws when it is not answered with a result. */
export async function postCall(subject: Subject, era: Era, session?: string): Promise<string> {
  const { text } = await post(
    subject,
    renderCall(subject, era, 'get_forgejo_mcp_server_version', '1', session),
  )
  if (!text.includes('"result"')) throw new Error(`${subject.name} answered ${text}`)
  return text
}

/** Opens a session as a client does and returns its id. */
export async function openSession(subject: Subject): Promise<string> {
  const say = (message: object, session?: string) =>
    post(subject, {
      headers: mcpHeaders(subject, sessionHeader(session)),
      body: JSON.stringify(message),
    })
  const { headers } = await say(INITIALIZE)
  const session = headers.get('mcp-session-id')
  if (!session) throw new Error(`${subject.name} gave no session id`)
  await say({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)
  return session
}

/** Throws unless the subject serves the revision without sessions, discovery first, as its clients need it to. */
export async function checkModern(subject: Subject): Promise<void> {
  const discovered = await post(subject, {
    headers: mcpHeaders(subject, modernHeaders('server/discover')),
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'server/discover',
      params: { _meta: META },
    }),
  })
  const said = [discovered.text, await postCall(subject, 'modern')]
  if (!said[0]?.includes(VERSION.modern) || !said.every((it) => it.includes('"resultType"')))
    throw new Error(`${subject.name} does not serve ${VERSION.modern}: ${said.join('\n')}`)
}

/** Keeps a scenario's calls in flight for `ms` milliseconds. Throws when one of them is not answered as it should be. */
export async function run(
  load: string,
  subject: Subject,
  session: string | undefined,
  { connections, era, leastBytes, tool }: Scenario,
  ms: number,
): Promise<Run> {
  const { body, headers } = renderCall(subject, era, tool, ID_MARK, session)
  const head = {
    Host: `127.0.0.1:${subject.port}`,
    ...headers,
    'Content-Length': String(body.length),
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  const process = Bun.spawn(
    [load, String(subject.port), String(connections), String(ms), String(leastBytes)],
    {
      stdin: Buffer.from(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`),
      stdout: 'pipe',
      stderr: 'pipe',
    },
  )
  const [output, problem] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
  ])
  if ((await process.exited) !== 0) throw new Error(`load on ${subject.name}: ${problem.trim()}`)
  const seen = JSON.parse(output) as Run
  if (seen.bad > 0) throw new Error(`${subject.name} answered ${seen.bad} calls wrongly`)
  return seen
}

/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2
}
