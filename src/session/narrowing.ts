import { SECOND_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { covers } from '../scopes.ts'
import type { LiveSession } from './session.ts'

/** What a child that may do too much gets to finish, in ms; the relay holds it to the new scopes meanwhile. */
const DRAIN_MS = 5 * SECOND_MS

const TOOLS_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

/**
 * The callers of these sessions may do something else from now on, at most `scopes`. Children that may do more are
 * stopped: nobody can reach them any more. Who has a stream open is told that the tools are others.
 */
export function changePermissions(
  sessions: Iterable<LiveSession>,
  scopes: readonly string[],
  { childCredential }: Pick<Config, 'childCredential'>,
): void {
  for (const session of sessions) {
    for (const seat of session.seats)
      if (!covers(scopes, seat.scopes)) void seat.sleep(childCredential === 'relay' ? DRAIN_MS : 0)
    if (saysToolsChange(session.row.initializeResult)) session.unsolicited(TOOLS_CHANGED, [])
  }
}

/** Whether the client was told to expect that (MCP, tools capability `listChanged`). */
function saysToolsChange(initializeResult: string): boolean {
  const result = JSON.parse(initializeResult) as {
    capabilities?: { tools?: { listChanged?: unknown } }
  }
  return result.capabilities?.tools?.listChanged === true
}
