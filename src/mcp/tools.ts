import { TOOL_ROWS } from './tool-rows.ts'

/** What clients are told of a tool, so that they need not ask before a harmless read (MCP schema, ToolAnnotations). */
export interface ToolHints {
  readonly title: string
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

/** What a tool needs when its arguments make it do less than it could. */
interface Form {
  readonly scopes: readonly string[]
  /** Whether arguments ask for this form; any that leave a doubt must not. */
  when(args: Readonly<Record<string, unknown>>): boolean
  /** How a caller asks for it, in words that follow the tool's name. */
  readonly how: string
}

/** A tool of forgejo-mcp. */
export interface Tool {
  readonly name: string
  /** The Forgejo scopes that its requests need, all of them, in the form that needs most. */
  readonly scopes: readonly string[]
  readonly forms: readonly Form[]
  readonly hints: ToolHints
}

/** readOnly, destructive, idempotent; the words are explained in tool-rows.ts. */
const EFFECTS: Readonly<Record<string, readonly [boolean, boolean, boolean]>> = {
  read: [true, false, true],
  add: [false, false, false],
  put: [false, false, true],
  edit: [false, true, true],
  act: [false, true, false],
  remove: [false, true, true],
}

/** Tools that meet nothing which other people wrote. */
const CLOSED_WORLD = new Set([
  'cancel_issue_stopwatch',
  'get_forgejo_mcp_server_version',
  'get_my_user_info',
  'list_my_stopwatches',
  'list_my_tracked_times',
  'start_issue_stopwatch',
  'stop_issue_stopwatch',
])

/** forgejo-mcp reads these arguments as Go does: of another type than expected they count as absent. */
const FORMS: Readonly<Record<string, readonly Form[]>> = {
  create_repo: [
    {
      scopes: ['write:repository', 'write:user'],
      when: ({ owner }) => owner === undefined || owner === null || owner === '',
      how: 'without an owner',
    },
    {
      scopes: ['write:organization', 'write:repository'],
      when: ({ owner }) => typeof owner === 'string' && owner !== '',
      how: 'with an organization as its owner',
    },
  ],
  delete_org_label: [
    {
      scopes: ['write:organization'],
      when: ({ delete_mode }) => delete_mode === 'force',
      how: 'with delete_mode "force"',
    },
  ],
  list_repo_labels: [
    {
      scopes: ['read:issue'],
      when: ({ include_org_labels }) => include_org_labels === false,
      how: 'with include_org_labels false',
    },
  ],
}

/** Tools that send the child's own token to whatever host a file is said to be on: only a relay can bear them. */
export const DOWNLOAD_TOOLS: readonly string[] = [
  'download_comment_attachment',
  'download_issue_attachment',
  'download_release_attachment',
]

function parseRow(row: string): Tool {
  const [, name = '', effect = '', scopes = '', title = ''] =
    /^(\w+) (\w+) (\S+) (.+)$/.exec(row) ?? []
  const [readOnlyHint, destructiveHint, idempotentHint] = EFFECTS[effect] ?? [false, true, false]
  const openWorldHint = !CLOSED_WORLD.has(name)
  return {
    name,
    scopes: scopes === '-' ? [] : scopes.split(','),
    forms: FORMS[name] ?? [],
    hints: { title, readOnlyHint, destructiveHint, idempotentHint, openWorldHint },
  }
}

/** Every tool whose scopes are known, in the order of their names. */
export const TOOLS: readonly Tool[] = TOOL_ROWS.trim().split('\n').map(parseRow)

const BY_NAME: ReadonlyMap<string, Tool> = new Map(TOOLS.map((tool) => [tool.name, tool]))

/** The tool of exactly that name, as forgejo-mcp looks it up; undefined for anything else, also of another type. */
export const findTool = (name: unknown): Tool | undefined =>
  typeof name === 'string' ? BY_NAME.get(name) : undefined

/** The scopes that a call of the tool needs with these arguments, as parsed. */
export function callScopes(tool: Tool, args: unknown): readonly string[] {
  const given = typeof args === 'object' && args !== null ? (args as Record<string, unknown>) : {}
  return tool.forms.find((form) => form.when(given))?.scopes ?? tool.scopes
}

/** The scope sets that allow some use of the tool, the one that allows every use first. */
export const usableWith = (tool: Tool): readonly (readonly string[])[] => [
  tool.scopes,
  ...tool.forms.map(({ scopes }) => scopes),
]
