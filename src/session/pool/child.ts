import type { Era } from '../../mcp/era.ts'
import { type Capabilities, capabilityKey } from '../../mcp/modern/capabilities.ts'
import type { Params } from '../../mcp/rpc.ts'
import type { Caller } from '../../store/families.ts'
import type { LiveChild } from '../live.ts'
import { createScopeKey } from '../scope-key.ts'

/** Who a child of the pool can serve: calls that agree in all of it. */
export interface PoolKey {
  accountId: string
  /** Whose grant caps the child (see AccessRequest). */
  clientId: string
  scopes: readonly string[]
  /** What the child was told that its client can do. */
  capabilities: Capabilities
  /** What the key is known by. */
  text: string
  /** The same without the client: what a program says of itself does not depend on whose grant it is. */
  place: string
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

/**
 * What a child is doing: `shared` by many calls, `free` or `leased` to one call alone, or `parked` with a call whose
 * client is away.
 */
export const POOL_STATES = ['shared', 'free', 'leased', 'parked'] as const
export type PoolState = (typeof POOL_STATES)[number]

/** Makes the keys of callers; those of one caller are made once. */
export function createPoolKeys(): (caller: Caller, capabilities: Capabilities) => PoolKey {
  const made = new WeakMap<Caller, Map<string, PoolKey>>()
  const scopeKey = createScopeKey()
  return (caller, capabilities) => {
    const can = capabilityKey(capabilities)
    const own = made.get(caller) ?? new Map<string, PoolKey>()
    made.set(caller, own)
    const known = own.get(can)
    if (known) return known
    const { accountId, clientId, scopes } = caller
    const place = [accountId, scopeKey(scopes), can].join('\n')
    const key = { accountId, clientId, scopes, capabilities, text: `${clientId}\n${place}`, place }
    own.set(can, key)
    return key
  }
}

/** Whether a child may take a new call. */
export const isFit = ({ live }: PoolChild, epoch: number): boolean =>
  live.over === undefined && !live.wedged && !live.rejected && live.epoch >= epoch
