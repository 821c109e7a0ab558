import { findTool } from '../mcp/tools.ts'

/** Names that one finding spells out; the rest is counted. */
const MAX_NAMES = 20

interface ToolFinding {
  state: 'ok' | 'warn'
  text: string
  hint?: string
}

/** What a child's answer to `tools/list` says about its tools: which of them have no known scopes. */
export function toolFindings(line: string): ToolFinding[] {
  const { result } = JSON.parse(line) as { result?: { tools?: { name?: unknown }[] } }
  if (!Array.isArray(result?.tools)) return []
  const names = result.tools.map(({ name }) =>
    typeof name === 'string' ? name : 'one without a name',
  )
  const unknown = names.filter((name) => findTool(name) === undefined)
  if (unknown.length === 0)
    return [{ state: 'ok', text: `its tools: ${names.length}, the scopes of all are known` }]
  const spelt = unknown.slice(0, MAX_NAMES).join(', ')
  const more = unknown.length > MAX_NAMES ? ` and ${unknown.length - MAX_NAMES} more` : ''
  return [
    {
      state: 'warn',
      text: `its tools: ${unknown.length} of ${names.length} have no known scopes: ${spelt}${more}`,
      hint: 'they need every scope and are hidden from narrower logins; a newer fjmcp-broker may know them',
    },
  ]
}
