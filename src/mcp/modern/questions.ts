import { numberOf, parseExact } from '../exact.ts'
import { RESERVED } from '../methods.ts'
import { isObject, type Params, resultText } from '../rpc.ts'
import type { Capabilities } from './capabilities.ts'

/** By this key in a question's `_meta` a child names the key under which the client is asked. */
const KEY_HINT = 'fjmcp.dev/inputKey'

/** The longest name that a child may give, in characters. */
const MAX_KEY = 128

/** A request of a child to its client, under the bridge's id. */
export interface Ask {
  id: number
  method: string
  params: Params
}

/** A question that the client is asked by the answer to its own request (2026-07-28 basic/patterns/mrtr). */
export interface Question extends Ask {
  /** Unique within the request. */
  key: string
}

/** Something that a child says of its own accord. */
export type Said =
  | ({ kind: 'ask' } & Ask)
  | { kind: 'notification'; method: string; params: Params }

/** Reads what a child says before it answers; undefined for what is neither request nor notification. */
export function readSaid(text: string): Said | undefined {
  const message = parseExact(text)
  if (!isObject(message) || typeof message.method !== 'string') return undefined
  const params = isObject(message.params) ? message.params : {}
  const { method } = message
  if (!('id' in message)) return { kind: 'notification', method, params }
  const id = numberOf(message.id)
  return id === undefined ? undefined : { kind: 'ask', id, method, params }
}

/** The capabilities that a client needs to be asked this; undefined for what no client can be asked. */
export function needsOf({ method, params }: Ask): string[] | undefined {
  switch (method) {
    case 'elicitation/create':
      return [params.mode === 'url' ? 'elicitation.url' : 'elicitation.form']
    case 'roots/list':
      return ['roots']
    case 'sampling/createMessage':
      return 'tools' in params || 'toolChoice' in params
        ? ['sampling', 'sampling.tools']
        : ['sampling']
    default:
      return undefined
  }
}

/** What of those the client has not declared. */
export const lacking = (needs: readonly string[], declared: Capabilities): string[] =>
  needs.filter((need) => !declared.has(need))

/** The name that the child gave its question, if it did. */
export function keyHint({ params }: Ask): string | undefined {
  const hint = isObject(params._meta) ? params._meta[KEY_HINT] : undefined
  return typeof hint === 'string' && hint !== '' && hint.length <= MAX_KEY ? hint : undefined
}

/** The token under which the child wants to hear that it is not forgotten. */
export function progressTokenOf({ params }: Ask): unknown {
  return isObject(params._meta) ? params._meta.progressToken : undefined
}

/** What a person can do about a form. */
const ACTIONS: readonly unknown[] = ['accept', 'decline', 'cancel']

/** Whether a value can be the answer to a question, by its shape. */
export function isAnswer(method: string, value: unknown): boolean {
  if (!isObject(value)) return false
  if (method === 'roots/list') return Array.isArray(value.roots)
  if (method === 'sampling/createMessage')
    return typeof value.role === 'string' && typeof value.content === 'object'
  return ACTIONS.includes(value.action)
}

/** How a question that nobody answers is answered: a person may decline, a machine can only fail. */
export const unanswered = (
  method: string,
  reason: string,
): { result: Params } | { error: { code: number; message: string } } =>
  method === 'elicitation/create'
    ? { result: { action: 'cancel' } }
    : { error: { code: -1, message: reason } }

/** The questions that a 2025-11-25 child asks by failing: pages that the user must visit first. */
export function pagesToVisit(data: unknown): Params[] {
  const list = isObject(data) ? data.elicitations : undefined
  if (!Array.isArray(list)) return []
  return list.filter(isObject).map((page) => ({ ...page, mode: 'url' }))
}

/** An InputRequiredResult as one line of JSON. */
export function inputRequired(
  idText: string,
  questions: Iterable<Pick<Question, 'key' | 'method' | 'params'>>,
  requestState: string,
  serverInfo: string | undefined,
): string {
  const inputRequests = Object.fromEntries(
    [...questions].map(({ key, method, params }) => [key, { method, params: presentable(params) }]),
  )
  const info = serverInfo === undefined ? undefined : JSON.parse(serverInfo)
  return resultText(idText, {
    resultType: 'input_required',
    ...(info && { _meta: { [`${RESERVED}serverInfo`]: info } }),
    inputRequests,
    requestState,
  })
}

/** A question's parameters without what the revision removed, and without what is between the child and us. */
function presentable({ _meta, elicitationId: _, task: __, ...params }: Params): Params {
  if (!isObject(_meta)) return params
  const kept = Object.entries(_meta).filter(
    ([key]) => key !== 'progressToken' && key !== KEY_HINT && !key.startsWith(RESERVED),
  )
  return kept.length > 0 ? { ...params, _meta: Object.fromEntries(kept) } : params
}
