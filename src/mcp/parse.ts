import { RPC } from '../errors.ts'
import { err, ok, type Result } from '../result.ts'
import { isIdLike, numberOf, parseExact } from './exact.ts'
import { MESSAGE_MEMBERS, META_MEMBERS, PARAM_MEMBERS } from './methods.ts'
import { ambiguity, isMisspelt, MISSPELT, type Names } from './names.ts'
import type { ClientMessage, Params, RpcNotification, RpcRequest } from './rpc.ts'
import { elements, exceeds, isObjectAt, members, skipSpace } from './scan.ts'

/** A body that is refused: a JSON-RPC code, a public sentence, and the request's id where it could be read. */
export interface ParseFailure {
  code: number
  message: string
  idText?: string
}

/**
 * Arrays and objects inside one another, and separators in all. No tool's arguments come near either; the second
 * bounds the time that a body of the largest size takes.
 */
const LIMITS = { depth: 128, values: 500_000 }
/** Messages in one batch (2025-03-26 only). */
const MAX_BATCH = 64
/** Members of a message, of its `params` and of its `_meta`. */
const MAX_MEMBERS = 1024

/** A longer text is read key by key at once, in characters: to write it again would cost as much. */
const MAX_PLAIN = 64 * 1024

/** Strict, and without mercy for a byte order mark. It keeps nothing from one text to the next. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the body of a POST: one JSON-RPC message or a batch of them.
 *
 * Refused besides what is no JSON (-32700) and no JSON-RPC message (-32600) is every text that a reader which matches
 * keys without regard to case, or lets the last of two equal keys win, would understand otherwise than we do.
 * In what is accepted, numbers stand as they were written and the strings directly in `params` are well-formed Unicode.
 */
export function parseBody(
  body: Uint8Array,
): Result<{ messages: ClientMessage[]; batch: boolean }, ParseFailure> {
  let text: string
  let value: unknown
  try {
    text = UTF8.decode(body)
    // What is opened must be closed: a shorter text cannot be that deep and be JSON.
    if (text.length > 2 * LIMITS.depth && exceeds(text, LIMITS)) return UNREADABLE
    value = parseExact(text)
  } catch {
    return UNREADABLE
  }
  if (!Array.isArray(value)) {
    const message = parseMessage(outlineOf(text, value), value)
    return message.ok ? ok({ messages: [message.value], batch: false }) : message
  }
  if (value.length === 0) return refuse('the batch is empty')
  if (value.length > MAX_BATCH) return refuse(`a batch may hold ${MAX_BATCH} messages`)
  const messages: ClientMessage[] = []
  for (const [index, { start }] of elements(text, skipSpace(text, 0)).entries()) {
    const message = parseMessage(readOutline(text, start), value[index])
    if (!message.ok) return message
    messages.push(message.value)
  }
  return ok({ messages, batch: true })
}

/** No UTF-8, a byte order mark, no JSON, or a structure without end. */
const UNREADABLE = err({ code: RPC.parseError, message: 'Parse error' })

const refuse = (message: string, idText?: string) => {
  const failure = { code: RPC.invalidRequest, message: `Invalid Request: ${message}` }
  return err(idText === undefined ? failure : { ...failure, idText })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value)

const isNumber = (value: unknown): boolean => numberOf(value) !== undefined

/** One message: its keys are judged first, on every level where a key means something, then its shape. */
function parseMessage(outline: Outline, value: unknown): Result<ClientMessage, ParseFailure> {
  if (!isObject(value)) return refuse('a message is an object')
  const idText = requestIdText(outline, value)
  const problem = outline.problem ?? envelopeProblem(value)
  if (problem !== undefined) return refuse(problem, idText)
  if (value.method === undefined) return parseResponse(outline, value)
  if ('result' in value || 'error' in value)
    return refuse('"method" beside "result" or "error"', idText)
  if (typeof value.method !== 'string') return refuse('"method" must be a string', idText)
  const method = value.method.toWellFormed()
  const { params } = value
  if (!('params' in value)) return ok(callOf(value, idText, method))
  const ill = paramsProblem(params)
  return ill === undefined
    ? ok(callOf(value, idText, method, wellFormed(params as Params)))
    : refuse(ill, idText)
}

/** A notification, or a request when it has an id. */
function callOf(
  value: Record<string, unknown>,
  idText: string | undefined,
  method: string,
  params?: Params,
): RpcRequest | RpcNotification {
  if (idText === undefined)
    return params ? { kind: 'notification', method, params } : { kind: 'notification', method }
  const id = idOf(value)
  return params
    ? { kind: 'request', id, idText, method, params }
    : { kind: 'request', id, idText, method }
}

function envelopeProblem(value: Record<string, unknown>): string | undefined {
  if (value.jsonrpc !== '2.0') return '"jsonrpc" must be "2.0"'
  return 'id' in value && !isIdLike(value.id) ? '"id" must be a string or an integer' : undefined
}

const idOf = (value: Record<string, unknown>): string | number =>
  typeof value.id === 'string' ? value.id : (numberOf(value.id) ?? 0)

/** The source of the id that an error must echo: of a message that is a request and has one usable id. */
function requestIdText({ idText }: Outline, value: Record<string, unknown>): string | undefined {
  return typeof value.method === 'string' && isIdLike(value.id) ? idText : undefined
}

/** What JSON.parse hides of a message. */
interface Outline {
  /** The source of its id; undefined when it has none, or several and is refused. */
  idText: string | undefined
  /** What is ambiguous about the keys of the message, of its `params` or of its `_meta`. */
  problem: string | undefined
}

/** The outline of a body that is one message. */
function outlineOf(text: string, value: unknown): Outline {
  const isPlain = text.length <= MAX_PLAIN && isObject(value) && JSON.stringify(value) === text
  return isPlain ? plainOutline(value) : readOutline(text, skipSpace(text, 0))
}

/** Of a text that is what we would write ourselves, and so gives no key twice. */
function plainOutline(value: Record<string, unknown>): Outline {
  let problem: string | undefined
  let level: unknown = value
  for (const [names, next] of LEVELS) {
    if (!isObject(level) || problem !== undefined) break
    problem = plainProblem(level, names)
    level = level[next]
  }
  return { idText: sourceOf(value.id), problem }
}

const sourceOf = (id: unknown): string | undefined =>
  typeof id === 'number' ? String(id) : JSON.stringify(id)

/** Of the text that starts at `at`, by a look at every key in it. */
function readOutline(text: string, at: number): Outline {
  const top = isObjectAt(text, at) ? members(text, at, MAX_MEMBERS + 1) : []
  const [id, another] = top.filter(({ key }) => key === 'id')
  const idText = id && !another ? text.slice(id.start, id.end) : undefined
  let problem: string | undefined
  let level = top
  for (const [names, next] of LEVELS) {
    problem = keyProblem(
      level.map(({ key }) => key),
      names,
    )
    const inner = level.find(({ key }) => key === next)
    if (problem !== undefined || !inner || !isObjectAt(text, inner.start)) break
    level = members(text, inner.start, MAX_MEMBERS + 1)
  }
  return { idText, problem }
}

function plainProblem(level: Record<string, unknown>, names: Names): string | undefined {
  let count = 0
  for (const key in level) {
    if (++count > MAX_MEMBERS) return TOO_MANY
    if (isMisspelt(key, names)) return MISSPELT
  }
  return undefined
}

const TOO_MANY = `an object may hold ${MAX_MEMBERS} members here`

const keyProblem = (keys: readonly string[], names: Names): string | undefined =>
  keys.length > MAX_MEMBERS ? TOO_MANY : ambiguity(keys, names)

/** The levels whose keys are read by us or by a child, and the member that leads to the next one. */
const LEVELS: readonly (readonly [Names, string])[] = [
  [MESSAGE_MEMBERS, 'params'],
  [PARAM_MEMBERS, '_meta'],
  [META_MEMBERS, ''],
]

function paramsProblem(params: unknown): string | undefined {
  if (!isObject(params)) return '"params" must be an object'
  if (!('_meta' in params)) return undefined
  if (!isObject(params._meta)) return '"_meta" must be an object'
  const token = params._meta.progressToken
  return token === undefined || isIdLike(token)
    ? undefined
    : '"progressToken" must be a string or an integer'
}

function wellFormed(params: Params): Params {
  for (const key in params) {
    const member = params[key]
    if (typeof member === 'string' && !member.isWellFormed()) params[key] = member.toWellFormed()
  }
  return params
}

function parseResponse(
  { idText }: Outline,
  value: Record<string, unknown>,
): Result<ClientMessage, ParseFailure> {
  if (idText === undefined) return refuse('neither "method" nor "id"')
  const base = { kind: 'response', id: idOf(value), idText } as const
  if ('result' in value === 'error' in value) return refuse('either "result" or "error" is needed')
  if ('result' in value) return ok({ ...base, result: value.result })
  const error = value.error
  if (!isObject(error) || typeof error.message !== 'string' || numberOf(error.code) === undefined) {
    return refuse('"error" must have a "code" and a "message"')
  }
  const { message, data } = error
  const code = numberOf(error.code) ?? RPC.internalError
  return ok({ ...base, error: data === undefined ? { code, message } : { code, message, data } })
}
