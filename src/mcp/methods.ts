import { namesOf } from './names.ts'

/**
 * The requests that a client may send to a child, and the members of `params` that each of them has
 * (MCP 2024-11-05 … 2025-11-25, schema). A method that is not here never reaches a child.
 * `_meta` belongs to all of them and is not listed.
 */
export const REQUESTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['initialize', ['protocolVersion', 'capabilities', 'clientInfo']],
  ['ping', []],
  ['tools/list', ['cursor']],
  ['tools/call', ['name', 'arguments']],
  ['prompts/list', ['cursor']],
  ['prompts/get', ['name', 'arguments']],
  ['resources/list', ['cursor']],
  ['resources/templates/list', ['cursor']],
  ['resources/read', ['uri']],
  ['resources/subscribe', ['uri']],
  ['resources/unsubscribe', ['uri']],
  ['completion/complete', ['ref', 'argument', 'context']],
  ['logging/setLevel', ['level']],
])

/** The same for notifications. */
export const NOTIFICATIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['notifications/initialized', []],
  ['notifications/cancelled', ['requestId', 'reason']],
  ['notifications/progress', ['progressToken', 'progress', 'total', 'message']],
  ['notifications/roots/list_changed', []],
])

/** The members of a JSON-RPC message (JSON-RPC 2.0 §4, §5). */
export const MESSAGE_MEMBERS = namesOf(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** Every member of `params` that any known method has. */
export const PARAM_MEMBERS = namesOf([
  '_meta',
  ...[...REQUESTS.values(), ...NOTIFICATIONS.values()].flat(),
])

/** The prefix of the `_meta` keys that MCP keeps for itself. */
const RESERVED = 'io.modelcontextprotocol/'

/** The `_meta` key by which a request claims the stateless revision it is written in. */
export const VERSION_CLAIM = `${RESERVED}protocolVersion`

/** The members of `_meta` that mean something to us or to a child; others are the peers' own. */
export const META_MEMBERS = namesOf([
  'progressToken',
  'traceparent',
  'tracestate',
  'baggage',
  VERSION_CLAIM,
  ...['clientInfo', 'clientCapabilities', 'logLevel', 'related-task', 'subscriptionId'].map(
    (name) => RESERVED + name,
  ),
])
