import type { Era } from '../../mcp/era.ts'
import { type Capabilities, capabilityKey } from '../../mcp/modern/capabilities.ts'
import type { Params } from '../../mcp/rpc.ts'
import type { LiveChild } from '../live.ts'

/** Who a child of the pool can serve: calls that agree in all of it. */
export interface PoolKey {
  accountId: string
  /** Whose grant caps the child (see AccessRequest). */
  clientId: string
  scopes: readonly string[]
  /** What the child was told that its client can do. */
  capabilities: Capabilities
}

/** What a child says of itself. */
export interface About {
  era: Era
  capabilities: Params
  instructions: string | undefined
  /** JSON source of its `serverInfo`; undefined when it has none. */
  serverInfo: string | undefined
}

/** A child that serves stateless calls. */
export interface PoolChild {
  readonly live: LiveChild
  readonly key: PoolKey
  readonly about: About
  /** Takes what it says while a request of the broker's own is open: it is about no call of a client's. */
  heard(text: string): void
  /** Whether it was told to log everything: what is not wanted is left out here. */
  verbose: boolean
}

/** What a key is known by. */
export const keyText = ({ accountId, clientId, scopes, capabilities }: PoolKey): string =>
  [accountId, clientId, [...new Set(scopes)].sort().join(' '), capabilityKey(capabilities)].join(
    '\n',
  )

/** Whether a child may take a new call. */
export const isFit = ({ live }: PoolChild, epoch: number): boolean =>
  live.over === undefined && !live.wedged && !live.rejected && live.epoch >= epoch
