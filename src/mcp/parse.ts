import { RPC } from '../errors.ts'
import { err, ok, type Result } from '../result.ts'
import { isIdLike, numberOf, parseExact } from './exact.ts'
import { MESSAGE_MEMBERS, META_MEMBERS, PARAM_MEMBERS } from './methods.ts'
import { ambiguity, type Names } from './names.ts'
import type { ClientMessage, Params } from './rpc.ts'
import {
  elements,
  exceeds,
  isObjectAt,
  type Member,
  members,
  type Span,
  skipSpace,
} from './scan.ts'

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

/** Strict, and without mercy for a byte order mark. It keeps nothing from one text to the next. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type Refusal = (message: string) => { ok: false; error: ParseFailure }

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
  const read = decode(body)
  if (read === undefined) return err({ code: RPC.parseError, message: 'Parse error' })
  const { text, value } = read
  const at = skipSpace(text, 0)
  if (!Array.isArray(value)) {
    const message = parseMessage(text, at, value)
    return message.ok ? ok({ messages: [message.value], batch: false }) : message
  }
  if (value.length === 0) return refuse('the batch is empty')
  if (value.length > MAX_BATCH) return refuse(`a batch may hold ${MAX_BATCH} messages`)
  const messages: ClientMessage[] = []
  for (const [index, { start }] of elements(text, at).entries()) {
    const message = parseMessage(text, start, value[index])
    if (!message.ok) return message
    messages.push(message.value)
  }
  return ok({ messages, batch: true })
}

/** UTF-8 and JSON, strictly: no byte order mark, no malformed sequence, no structure without end. */
function decode(body: Uint8Array): { text: string; value: unknown } | undefined {
  try {
    const text = UTF8.decode(body)
    return exceeds(text, LIMITS) ? undefined : { text, value: parseExact(text) }
  } catch {
    return undefined
  }
}

const refuse: Refusal = (message) =>
  err({ code: RPC.invalidRequest, message: `Invalid Request: ${message}` })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value)

const isNumber = (value: unknown): boolean => numberOf(value) !== undefined

/** One message: its keys are judged first, on every level where a key means something, then its shape. */
function parseMessage(
  text: string,
  at: number,
  value: unknown,
): Result<ClientMessage, ParseFailure> {
  if (!isObject(value)) return refuse('a message is an object')
  const top = members(text, at, MAX_MEMBERS + 1)
  const idText = requestIdText(text, top, value)
  const no: Refusal = (message) => {
    const refused = refuse(message)
    return idText === undefined ? refused : err({ ...refused.error, idText })
  }
  const unclear = keyProblem(text, top)
  if (unclear !== undefined) return no(unclear)
  if (value.jsonrpc !== '2.0') return no('"jsonrpc" must be "2.0"')
  if ('id' in value && !isIdLike(value.id)) return no('"id" must be a string or an integer')
  if (value.method === undefined) return parseResponse(text, top, value, no)
  if ('result' in value || 'error' in value) return no('"method" beside "result" or "error"')
  if (typeof value.method !== 'string') return no('"method" must be a string')
  const params = parseParams(value, no)
  if (!params.ok) return params
  const call = { method: value.method.toWellFormed(), ...params.value }
  if (idText === undefined) return ok({ kind: 'notification', ...call })
  return ok({ kind: 'request', id: idOf(value), idText, ...call })
}

const idOf = (value: Record<string, unknown>): string | number =>
  typeof value.id === 'string' ? value.id : (numberOf(value.id) ?? 0)

const sourceOf = (text: string, { start, end }: Span): string => text.slice(start, end)

/** The source of the id that an error must echo: of a message that is a request and has one usable id. */
function requestIdText(
  text: string,
  top: readonly Member[],
  value: Record<string, unknown>,
): string | undefined {
  const ids = top.filter(({ key }) => key === 'id')
  const [id] = ids
  if (ids.length !== 1 || id === undefined || !isIdLike(value.id)) return undefined
  return typeof value.method === 'string' ? sourceOf(text, id) : undefined
}

/** What is ambiguous about the keys of a message, of its `params` or of its `_meta`. */
function keyProblem(text: string, top: readonly Member[]): string | undefined {
  let level = top
  for (const [names, next] of LEVELS) {
    if (level.length > MAX_MEMBERS) return `an object may hold ${MAX_MEMBERS} members here`
    const problem = ambiguity(level, names)
    if (problem !== undefined) return problem
    const inner = level.find(({ key }) => key === next)
    if (inner === undefined || !isObjectAt(text, inner.start)) return undefined
    level = members(text, inner.start, MAX_MEMBERS + 1)
  }
  return undefined
}

/** The levels whose keys are read by us or by a child, and the member that leads to the next one. */
const LEVELS: readonly (readonly [Names, string])[] = [
  [MESSAGE_MEMBERS, 'params'],
  [PARAM_MEMBERS, '_meta'],
  [META_MEMBERS, ''],
]

function parseParams(
  value: Record<string, unknown>,
  no: Refusal,
): Result<{ params?: Params }, ParseFailure> {
  if (!('params' in value)) return ok({})
  if (!isObject(value.params)) return no('"params" must be an object')
  const params = value.params
  if ('_meta' in params) {
    if (!isObject(params._meta)) return no('"_meta" must be an object')
    const token = params._meta.progressToken
    if (token !== undefined && !isIdLike(token))
      return no('"progressToken" must be a string or an integer')
  }
  for (const [key, member] of Object.entries(params)) {
    if (typeof member === 'string' && !member.isWellFormed()) params[key] = member.toWellFormed()
  }
  return ok({ params })
}

function parseResponse(
  text: string,
  top: readonly Member[],
  value: Record<string, unknown>,
  no: Refusal,
): Result<ClientMessage, ParseFailure> {
  const id = top.find(({ key }) => key === 'id')
  if (id === undefined) return no('neither "method" nor "id"')
  const base = { kind: 'response', id: idOf(value), idText: sourceOf(text, id) } as const
  if ('result' in value === 'error' in value) return no('either "result" or "error" is needed')
  if ('result' in value) return ok({ ...base, result: value.result })
  const error = value.error
  if (!isObject(error) || typeof error.message !== 'string' || numberOf(error.code) === undefined) {
    return no('"error" must have a "code" and a "message"')
  }
  const { message, data } = error
  const code = numberOf(error.code) ?? RPC.internalError
  return ok({ ...base, error: data === undefined ? { code, message } : { code, message, data } })
}
