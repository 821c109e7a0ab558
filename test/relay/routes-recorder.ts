import { newAsset } from '../fixtures/forgejo/forge.ts'
import { categoriesOf } from '../fixtures/forgejo/scopes.ts'
import { type FakeForgejo, startForgejo } from '../fixtures/forgejo/server.ts'
import { endAll, type Running, run } from '../fixtures/forgejo-mcp/harness.ts'
import { type Parameter, TOOLS, type ToolRow } from '../fixtures/forgejo-mcp/tools.ts'

/** One request below `/api/v1` that a tool or a resource made, its arguments left out of the path. */
export interface RecordedRoute {
  method: string
  path: string
  /** What Forgejo wants for it, all of them. */
  scopes: string[]
}

export interface RecordedCall {
  tool: string
  args: Record<string, unknown>
  routes: RecordedRoute[]
}

export interface Recording {
  calls: RecordedCall[]
  /** By URI. */
  reads: Record<string, RecordedRoute[]>
}

const OWNER = 'marker-owner'
const REPO = 'marker-repo'
const SLASHED = 'marker-dir/marker-file'
/** Values that stand for something in the stand-in's world, so that a tool gets beyond its first request. */
const KNOWN: Record<string, unknown> = {
  owner: OWNER,
  repo: REPO,
  org: 'acme',
  filepath: SLASHED,
  index: 70_001,
  attachment_id: 70_002,
  release_id: 70_003,
  tag: 'marker-tag',
}

/** Arguments with which a tool makes other requests than with all of them. */
const VARIANTS: Record<string, Record<string, unknown>[]> = {
  create_repo: [{ owner: '' }],
  delete_org_label: [{ delete_mode: 'force' }],
  list_repo_labels: [{ include_org_labels: false }],
}

const RESOURCES = `
owner/${OWNER} org/acme/labels
repo/${OWNER}/${REPO} repo/${OWNER}/${REPO}/branch_protections repo/${OWNER}/${REPO}/branch_protection/marker-rule
repo/${OWNER}/${REPO}/commit/marker-sha repo/${OWNER}/${REPO}/commit/marker-sha/status
repo/${OWNER}/${REPO}/hooks repo/${OWNER}/${REPO}/hook/70005
repo/${OWNER}/${REPO}/issues?state=all repo/${OWNER}/${REPO}/issue/70001
repo/${OWNER}/${REPO}/issue/70001/comments repo/${OWNER}/${REPO}/pr/70001/comments?page=2
repo/${OWNER}/${REPO}/issue/70001/comment/70004 repo/${OWNER}/${REPO}/labels repo/${OWNER}/${REPO}/label/70006
repo/${OWNER}/${REPO}/pr/70001 repo/${OWNER}/${REPO}/wiki/marker%2Fpage
`

function argument({ name, type }: Parameter, place: number): unknown {
  if (name in KNOWN) return KNOWN[name]
  if (type === 'number') return 71_000 + place
  if (type === 'boolean') return true
  return type === 'array' ? [`marker-${name}`] : `marker-${name}`
}

/** Runs every tool and reads every resource of the stand-in for forgejo-mcp against the stand-in Forgejo. */
export async function record(): Promise<Recording> {
  const forgejo = await startForgejo()
  try {
    furnish(forgejo)
    const { access_token } = forgejo.issueTokens(OWNER, 'all')
    const child = run(forgejo.url, { env: { FORGEJO_ACCESS_TOKEN: access_token } })
    await child.ask(1, 'ping')
    return await recordAll(forgejo, child)
  } finally {
    await endAll()
    await forgejo.stop()
  }
}

/** The repository that the arguments name, with an issue and a release that have a file each. */
function furnish(forgejo: FakeForgejo): void {
  const owner = forgejo.addUser(OWNER)
  const file = (tag?: string) => newAsset(70_002, 'marker.txt', 'text', tag)
  const issue = { id: 70_001, number: 70_001, title: 'T', body: '', state: 'open' } as const
  forgejo.world.forge.repos.push({
    id: 70_000,
    ownerId: owner.id,
    name: REPO,
    private: false,
    issues: [{ ...issue, authorId: owner.id, assets: [file()] }],
    releases: [{ id: 70_003, tag: 'marker-tag', assets: [file('marker-tag')] }],
  })
}

async function recordAll(forgejo: FakeForgejo, child: Running): Promise<Recording> {
  let id = 1
  const made = async (work: () => Promise<unknown>): Promise<RecordedRoute[]> => {
    const before = forgejo.requests.length
    await work()
    return forgejo.requests.slice(before).flatMap(({ method, path }) => routeOf(method, path) ?? [])
  }
  const calls: RecordedCall[] = []
  for (const tool of TOOLS) {
    for (const changes of [{}, ...(VARIANTS[tool.name] ?? [])]) {
      const args = { ...argumentsOf(tool), ...changes }
      const routes = await made(() => child.call(++id, tool.name, args))
      calls.push({ tool: tool.name, args, routes })
    }
  }
  const reads: Recording['reads'] = {}
  for (const path of RESOURCES.trim().split(/\s+/)) {
    const uri = `forgejo://${path}`
    reads[uri] = await made(() => child.ask(++id, 'resources/read', { uri }))
  }
  return { calls, reads }
}

const argumentsOf = (tool: ToolRow): Record<string, unknown> =>
  Object.fromEntries(tool.parameters.map((one, place) => [one.name, argument(one, place)]))

/** A request as a row of the table; undefined for what is not the API, and for the version, which needs nothing. */
function routeOf(method: string, target: string): RecordedRoute | undefined {
  const path = target.split('?')[0]?.replace(/^\/api\/v1/, '')
  if (path === undefined || path === target.split('?')[0] || path === '/version') return undefined
  const level = method === 'GET' ? 'read' : 'write'
  const scopes = (categoriesOf(path) ?? []).map((category) => `${level}:${category}`)
  return { method, path: patternOf(path), scopes: scopes.sort() }
}

const patternOf = (path: string): string =>
  path
    .replace(SLASHED, '{*}')
    .replaceAll(/(?<=\/)(?:marker[^/]*|acme|hello|tools|7[01]\d{3})(?=\/|$)/g, '{}')
    .replaceAll(/(?<=\/)7[01]\d{3}(?=\.)/g, '{}')

/** The text of src/relay/route-rows.ts that a recording leads to. */
export function renderRows({ calls, reads }: Recording): string {
  const routes = [...calls.flatMap((call) => call.routes), ...Object.values(reads).flat()]
  const rows = routes.map(
    ({ method, path, scopes }) => `${method} ${path} ${scopes.join(',') || '-'}`,
  )
  const byPath = (one: string, other: string) => {
    const key = (row: string) => `${row.split(' ')[1]} ${row}`
    return key(one) < key(other) ? -1 : 1
  }
  return `/**
 * The requests that forgejo-mcp makes, recorded: method, path below /api/v1, and the scopes that Forgejo wants, all of
 * them. \`{}\` is anything within a segment, \`{*}\` anything at all. Written by \`bun test/relay/record-routes.ts\`.
 */
export const ROUTE_ROWS = \`
${[...new Set(rows)].sort(byPath).join('\n')}
\`
`
}
