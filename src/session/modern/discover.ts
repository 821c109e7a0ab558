import { MODERN_VERSIONS } from '../../mcp/era.ts'
import { RESERVED } from '../../mcp/methods.ts'
import { isObject, type Params, resultText } from '../../mcp/rpc.ts'
import type { About } from '../pool/child.ts'
import { CLIENT_TTL_MS } from './lists.ts'

const TASKS = `${RESERVED}tasks`

/** The answer to `server/discover` of a broker whose child is that one, as one line of JSON. */
export const discoverText = (
  idText: string,
  { capabilities, instructions, serverInfo }: About,
): string =>
  resultText(idText, {
    resultType: 'complete',
    supportedVersions: MODERN_VERSIONS,
    capabilities: withoutTasks(capabilities),
    instructions,
    ttlMs: CLIENT_TTL_MS,
    cacheScope: 'private',
    _meta: serverInfo && { [`${RESERVED}serverInfo`]: JSON.parse(serverInfo) },
  })

/** What a server can do, without the tasks of 2025-11-25 and of the extension: neither goes through here. */
function withoutTasks({ tasks: _, experimental, extensions, ...rest }: Params): Params {
  const without = (value: unknown, name: string): Params => {
    if (!isObject(value)) return {}
    const { [name]: __, ...kept } = value
    return kept
  }
  return {
    ...rest,
    ...(isObject(experimental) && { experimental: without(experimental, 'tasks') }),
    ...(isObject(extensions) && { extensions: without(extensions, TASKS) }),
  }
}
