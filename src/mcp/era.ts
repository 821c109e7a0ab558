import { VERSION_CLAIM } from './methods.ts'
import type { ClientMessage } from './rpc.ts'

/** `legacy`: initialize and sessions. `modern`: stateless, the revision is claimed in each request's `_meta`. */
export type Era = 'legacy' | 'modern'

/** The revisions with initialize, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

/** The stateless revisions, newest first. */
export const MODERN_VERSIONS = ['2026-07-28'] as const

export const isLegacyVersion = (version: string): boolean =>
  (LEGACY_VERSIONS as readonly string[]).includes(version)

export const isModernVersion = (version: string): boolean =>
  (MODERN_VERSIONS as readonly string[]).includes(version)

/** Whether sessions of this revision may send batches: added in 2025-03-26, removed in 2025-06-18. */
export const allowsBatches = (version: string): boolean => version === '2025-03-26'

/** Whether clients of this revision understand an event with empty data (2025-11-25 transports, "Sending Messages"). */
export const allowsPriming = (version: string): boolean => version >= '2025-11-25'

/**
 * The era of one message: what it claims in `_meta` decides (2026-07-28 versioning, "Compatibility Matrix"). Without a
 * claim it is modern when its method exists in no legacy revision, or when the header names a modern one; only
 * `initialize` may come with such a header and still open a session.
 * @param headerVersion `MCP-Protocol-Version`
 */
export function eraOf(message: ClientMessage, headerVersion?: string): Era {
  const header = headerVersion !== undefined && isModernVersion(headerVersion)
  if (message.kind === 'response') return header ? 'modern' : 'legacy'
  const meta = message.params?._meta
  if (typeof meta === 'object' && meta !== null && VERSION_CLAIM in meta) return 'modern'
  if (MODERN_ONLY.has(message.method)) return 'modern'
  return header && message.method !== 'initialize' ? 'modern' : 'legacy'
}

/** Methods that no legacy revision has. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['server/discover', 'subscriptions/listen'])
