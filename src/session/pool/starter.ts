import { type Era, LEGACY_VERSIONS, MODERN_VERSIONS } from '../../mcp/era.ts'
import { parseExact } from '../../mcp/exact.ts'
import { RESERVED } from '../../mcp/methods.ts'
import { renderCapabilities } from '../../mcp/modern/capabilities.ts'
import { OWN_ENVELOPE } from '../../mcp/modern/envelope.ts'
import { isObject, type Params, rpcRequest } from '../../mcp/rpc.ts'
import { ok, type Result } from '../../result.ts'
import type { InitializeAnswer } from '../handshake.ts'
import type { Launcher, LaunchOrder, StartReason } from '../launch.ts'
import type { LiveChild } from '../live.ts'
import type { Refusal } from '../refusal.ts'
import type { About, PoolChild, PoolKey } from './child.ts'

export interface StarterDeps {
  launcher: Pick<Launcher, 'launch' | 'failed'>
  /** What children are told that they talk to. */
  clientInfo: { name: string; version: string }
  /** Takes what a child says about no call while there is not exactly one open. */
  unsolicited(child: PoolChild, text: string): void
  /** Told of each child that is ready. */
  ready(child: PoolChild): void
}

/** Starts children that talk to the broker itself, rather than through it to a client with a session. */
export interface Starter {
  /** What the program turned out to be; undefined until a child of it was started. */
  readonly era: Era | undefined
  start(
    key: PoolKey,
    reason: StartReason,
    spawned?: (child: LiveChild) => void,
  ): Promise<Result<PoolChild, Refusal>>
}

/** Reads a DiscoverResult (2026-07-28 server/discover); undefined for the answer of a child that knows none. */
export function readDiscover(text: string): InitializeAnswer | undefined {
  const message = parseExact(text)
  const result = isObject(message) ? message.result : undefined
  const spoken: unknown = isObject(result) ? result.supportedVersions : undefined
  if (!isObject(result) || !Array.isArray(spoken)) return undefined
  const [version] = MODERN_VERSIONS.filter((known) => spoken.includes(known))
  return version && { kind: 'result', protocolVersion: version, result }
}

/** A starter that has not met the program yet: the first child of all is asked whether it is stateless. */
export function createStarter(deps: StarterDeps): Starter {
  const { clientInfo, launcher, unsolicited } = deps
  let era: Era | undefined

  const discover = rpcRequest('server/discover', {
    _meta: { ...OWN_ENVELOPE, [`${RESERVED}clientInfo`]: clientInfo },
  })

  const orderFor = (
    { accountId, clientId, scopes, capabilities }: PoolKey,
    reason: StartReason,
  ): Omit<LaunchOrder, 'unsolicited' | 'spawned'> => {
    let asked = 0
    return {
      accountId,
      clientId,
      scopes,
      reason,
      initialize: rpcRequest('initialize', {
        protocolVersion: LEGACY_VERSIONS[0],
        capabilities: renderCapabilities(capabilities),
        clientInfo,
      }),
      ...(era !== 'legacy' && {
        probe: {
          request: discover,
          known: [],
          read: readDiscover,
        },
      }),
      // Before its answer to `initialize` a child has nothing to say (MCP lifecycle).
      message() {},
      nextAsk: () => ++asked,
    }
  }

  return {
    get era() {
      return era
    },
    async start(key, reason, spawned) {
      let child: PoolChild | undefined
      const order: LaunchOrder = {
        ...orderFor(key, reason),
        unsolicited: (text) => child && unsolicited(child, text),
        ...(spawned && { spawned }),
      }
      const launched = await launcher.launch(order)
      if (!launched.ok) return launched
      if (launched.value.kind === 'declined') {
        // It may be another program than the one that was asked.
        era = undefined
        return launcher.failed(order, `forgejo-mcp declined: ${launched.value.message}`)
      }
      const { child: live, protocolVersion, result } = launched.value
      era = (MODERN_VERSIONS as readonly string[]).includes(protocolVersion) ? 'modern' : 'legacy'
      const ready: PoolChild = {
        live,
        key,
        about: readAbout(era, result),
        heard: (text) => unsolicited(ready, text),
        verbose: false,
      }
      child = ready
      if (era === 'legacy') live.sayInitialized()
      deps.ready(ready)
      return ok(ready)
    },
  }
}

/** Reads what `initialize` or `server/discover` was answered with. */
function readAbout(era: Era, result: Params): About {
  const meta = isObject(result._meta) ? result._meta : {}
  const info = result.serverInfo ?? meta[`${RESERVED}serverInfo`]
  return {
    era,
    capabilities: isObject(result.capabilities) ? result.capabilities : {},
    instructions: typeof result.instructions === 'string' ? result.instructions : undefined,
    serverInfo: isObject(info) ? JSON.stringify(info) : undefined,
  }
}
