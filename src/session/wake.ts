import { type Clock, within } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import type { CallSink } from '../mcp/calls.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import { ok, type Result } from '../result.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/sessions.ts'
import { difference, storedInitialize, storedRequests } from './handshake.ts'
import { START_TIMEOUT_MS } from './introduce.ts'
import type { Launcher, LaunchOrder, StartReason } from './launch.ts'
import type { LiveChild } from './live.ts'
import { notFound, type Refusal } from './refusal.ts'

/** The session that a child is started for. */
export interface Sleeper {
  readonly row: Readonly<SessionRow>
  unsolicited(text: string, open: readonly CallSink[]): void
  nextAsk(): number
}

export interface WakeDeps {
  store: Store
  clock: Clock
  launcher: Launcher
  /** Ends the session because no child can take up where the last one stopped. */
  mismatched(hash: TokenHash, reason: string): void
}

/**
 * Starts a child for a session that has had one before, and tells it what that one was told, so that the client
 * notices nothing. A child that cannot stand in for the first one ends the session (`not-found`).
 */
export async function wake(
  session: Sleeper,
  scopes: readonly string[],
  reason: StartReason,
  spawned: (child: LiveChild) => void,
  deps: WakeDeps,
): Promise<Result<LiveChild, Refusal>> {
  const { row } = session
  const order: LaunchOrder = {
    accountId: row.accountId,
    clientId: row.clientId,
    scopes,
    sessionHash: row.idHash,
    reason,
    initialize: storedInitialize(row),
    message: (text) => session.unsolicited(text, []),
    unsolicited: (text, open) => session.unsolicited(text, open),
    nextAsk: () => session.nextAsk(),
    spawned,
  }
  const launched = await deps.launcher.launch(order)
  if (!launched.ok) return launched
  if (launched.value.kind === 'declined')
    return deps.launcher.failed(order, `forgejo-mcp declined: ${launched.value.message}`)
  const { child } = launched.value
  const unlike = difference(row, launched.value)
  if (unlike !== undefined) {
    void child.stop('session-ended')
    deps.mismatched(row.idHash, unlike)
    return notFound()
  }
  if (row.initialized) child.sayInitialized()
  const told = storedRequests(row).map((request) => say(child, request, order.message))
  await within(deps.clock, START_TIMEOUT_MS, Promise.all(told))
  return ok(child)
}

/** Resolves when the answer is there, whatever it is: a resource that is gone is no reason not to wake. */
function say(child: LiveChild, request: RpcRequest, message: (text: string) => void) {
  return new Promise<void>((resolve) => {
    child.call(request, { message, end: () => resolve() })
  })
}
