import type { Subject } from './subjects.ts'

/** What is called, and how much of it at once. */
export interface Scenario {
  readonly tool: keyof typeof ARGUMENTS
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

const VERSION = '2025-06-18'

/** The load generator puts an id of its own, with as many digits, in its place. */
const ID_MARK = '@@@@@@@@'

/** What the tools of child.c are called with. */
const ARGUMENTS = {
  get_issue_by_index: { owner: 'forgejo', repo: 'forgejo', index: 4711 },
  get_file_content: { owner: 'forgejo', repo: 'forgejo', ref: 'main', filePath: 'go.sum' },
}

const mcpHeaders = (subject: Subject, session?: string): Record<string, string> => ({
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  'MCP-Protocol-Version': VERSION,
  ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
  ...subject.headers,
})

async function post(subject: Subject, body: object, session?: string): Promise<Response> {
  const answer = await fetch(`http://127.0.0.1:${subject.port}/mcp`, {
    method: 'POST',
    headers: mcpHeaders(subject, session),
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${subject.name} answered ${answer.status}: ${text}`)
  return answer
}

/** Opens a session as a client does and returns its id. */
export async function openSession(subject: Subject): Promise<string> {
  const params = {
    protocolVersion: VERSION,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  }
  const answer = await post(subject, { id: 1, method: 'initialize', params })
  const session = answer.headers.get('mcp-session-id')
  if (!session) throw new Error(`${subject.name} gave no session id`)
  await post(subject, { method: 'notifications/initialized' }, session)
  return session
}

/** Keeps a scenario's calls in flight for `ms` milliseconds. Throws when one of them is not answered as it should be. */
export async function run(
  load: string,
  subject: Subject,
  session: string,
  { tool, connections, leastBytes }: Scenario,
  ms: number,
): Promise<Run> {
  const params = JSON.stringify({ name: tool, arguments: ARGUMENTS[tool] })
  const body = `{"jsonrpc":"2.0","id":${ID_MARK},"method":"tools/call","params":${params}}`
  const head = {
    Host: `127.0.0.1:${subject.port}`,
    ...mcpHeaders(subject, session),
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
