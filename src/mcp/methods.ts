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

/** The members that a request may have besides when it repeats one that asked for input (2026-07-28, MRTR). */
const RETRY = ['inputResponses', 'requestState']

/** The same for the stateless revisions (MCP 2026-07-28, schema). What they removed is not here. */
export const MODERN_REQUESTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['server/discover', []],
  ['tools/list', ['cursor']],
  ['tools/call', ['name', 'arguments', ...RETRY]],
  ['prompts/list', ['cursor']],
  ['prompts/get', ['name', 'arguments', ...RETRY]],
  ['resources/list', ['cursor']],
  ['resources/templates/list', ['cursor']],
  ['resources/read', ['uri', ...RETRY]],
  ['completion/complete', ['ref', 'argument', 'context']],
  ['subscriptions/listen', ['notifications']],
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
  ...[...REQUESTS.values(), ...MODERN_REQUESTS.values(), ...NOTIFICATIONS.values()].flat(),
])

/** The prefix of the `_meta` keys that MCP keeps for itself. */
export const RESERVED = 'io.modelcontextprotocol/'

/** The `_meta` key by which a request claims the stateless revision it is written in. */
export const VERSION_CLAIM = `${RESERVED}protocolVersion`

/** The `_meta` key that names the subscription a notification belongs to, by the id of the request that opened it. */
export const SUBSCRIPTION = `${RESERVED}subscriptionId`

/** The members of `_meta` that mean something to us or to a child; others are the peers' own. */
export const META_MEMBERS = namesOf([
  'progressToken',
  'traceparent',
  'tracestate',
  'baggage',
  VERSION_CLAIM,
  SUBSCRIPTION,
  ...['clientInfo', 'clientCapabilities', 'logLevel', 'related-task'].map(
    (name) => RESERVED + name,
  ),
])
