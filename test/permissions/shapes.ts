import { callScopes, findTool } from '../../src/mcp/tools.ts'
import { TOOLS, type ToolRow } from '../fixtures/forgejo-mcp/tools.ts'
import { ALL } from './world.ts'

/** What logins are for in these tests, by a name: each is a family of its own. */
export const SHAPES: Record<string, readonly string[]> = {
  'read only': ALL.map((scope) => scope.replace('write:', 'read:')),
  full: ALL,
  'issues, reading': ['read:issue'],
  'issues, writing': ['write:issue'],
  'repositories, reading': ['read:repository'],
  'repositories, writing': ['write:repository'],
  'organizations, reading': ['read:organization'],
  'organizations, writing': ['write:organization'],
  'notifications, writing': ['write:notification'],
  'the account, reading': ['read:user'],
  'issues writing beside repositories reading': ['write:issue', 'read:repository', 'read:user'],
}

/** Everything that can be held on the way: a check of its own, so that it does not lean on the one it tests. */
function holds(held: readonly string[], scope: string): boolean {
  return held.includes(scope) || held.includes(scope.replace(/^read:/, 'write:'))
}

/** Arguments that stand for something at the stand-in where they can; attachments and labels that are not there are 404. */
const KNOWN: Record<string, unknown> = {
  owner: 'alice',
  repo: 'hello',
  org: 'acme',
  index: 1,
  filepath: 'README.md',
}

function argumentsOf(tool: ToolRow): Record<string, unknown> {
  const value = ({ name, type }: ToolRow['parameters'][number]): unknown => {
    if (name in KNOWN) return KNOWN[name]
    if (type === 'number') return 1
    if (type === 'boolean') return true
    return type === 'array' ? ['x'] : 'x'
  }
  return Object.fromEntries(tool.parameters.map((one) => [one.name, value(one)]))
}

export interface Call {
  name: string
  args: Record<string, unknown>
  /** Whether the tool changes anything at Forgejo. */
  writes: boolean
  /** Whether this world gives out what it needs at all. */
  grantable: boolean
  /** Whether a login with these scopes may do it. */
  allowed(held: readonly string[]): boolean
}

/** Every tool once, and once more for each use that needs something else. */
export const CALLS: readonly Call[] = TOOLS.flatMap((row) => {
  const tool = findTool(row.name)
  if (tool === undefined) throw new Error(`${row.name} is not in the table`)
  const changes: Record<string, Record<string, unknown>[]> = {
    create_repo: [{ owner: '' }],
    delete_org_label: [{ delete_mode: 'force' }],
    list_repo_labels: [{ include_org_labels: false }],
  }
  return [{}, ...(changes[row.name] ?? [])].map((change) => {
    const args = { ...argumentsOf(row), ...change }
    const needed = callScopes(tool, args)
    return {
      name: row.name,
      args,
      writes: row.method !== 'GET',
      grantable: needed.every((scope) => holds(ALL, scope)),
      allowed: (held) => needed.every((scope) => holds(held, scope)),
    }
  })
})
