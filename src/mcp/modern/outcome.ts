import { MODERN_RPC, RPC } from '../../errors.ts'
import { numberOf, parseExact } from '../exact.ts'
import { editItems, editList } from '../listing.ts'
import { RESERVED } from '../methods.ts'
import { errorText, isObject, type Params } from '../rpc.ts'
import { isObjectAt, type Member, members, skipSpace } from '../scan.ts'
import { sourceAt, splice } from '../splice.ts'
import { renderCapabilities } from './capabilities.ts'

/** How a request came out: a whole JSON-RPC response, and the HTTP status that goes with it if it is the first thing said. */
export interface Outcome {
  status: 200 | 400 | 404 | 503
  text: string
  /** With 503: when to try again, in ms. */
  retryAfterMs?: number
}

/** The lists, and where the list stands in the result. */
export const LIST_MEMBERS: Readonly<Record<string, string>> = {
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
  'tools/list': 'tools',
}

/** The codes that the specification keeps for itself (basic/index, "Error Codes"). */
const isReserved = (code: number): boolean => code <= -32_020 && code >= -32_099

/** Members of a result that mean something now and meant nothing before. */
const NEW_MEMBERS = new Set(['_meta', 'cacheScope', 'resultType', 'ttlMs'])

/** Whether the results of a method say how long they may be kept (server/utilities/caching). */
export const isCacheable = (method: string): boolean =>
  method in LIST_MEMBERS || method === 'resources/read'

/** The `error` of a response; undefined for a result. The text must be valid JSON. */
export function readError(
  text: string,
): { code: number; message: string; data: unknown } | undefined {
  return errorAt(text, memberOf(membersOf(text), 'error'))
}

const membersOf = (text: string): Member[] => members(text, skipSpace(text, 0))

/** The one that counts of several equal ones is the last. */
const memberOf = (found: readonly Member[], name: string): Member | undefined =>
  found.findLast(({ key }) => key === name)

function errorAt(text: string, member: Member | undefined): ReturnType<typeof readError> {
  if (!member) return undefined
  const error = parseExact(text.slice(member.start, member.end))
  if (!isObject(error)) return { code: RPC.internalError, message: 'no error object', data: error }
  const { code, data } = error
  const message = typeof error.message === 'string' ? error.message : ''
  return { code: numberOf(code) ?? RPC.internalError, message, data }
}

/** Whether a response is an error, or the result of a tool that failed. */
export const isFailure = (text: string): boolean =>
  sourceAt(text, ['error']) !== undefined || sourceAt(text, ['result', 'isError']) === 'true'

/** What is put into every result of a child of an earlier revision. */
export interface Translation {
  method: string
  params: Params | undefined
  /** JSON source of the request's id. */
  idText: string
  /** JSON source of what the child calls itself; undefined when it has no name. */
  serverInfo: string | undefined
  /** How long the client may keep a cacheable result, in ms. */
  ttlMs: number
}

/**
 * Says a child's answer in the words of 2026-07-28: results get their type, the server's name and caching hints, lose
 * what the revision removed, and keep everything else as the child wrote it; errors get their new numbers.
 */
export function translate(text: string, how: Translation): Outcome {
  const top = membersOf(text)
  const error = errorAt(text, memberOf(top, 'error'))
  if (error) return translateError(text, error, how)
  const at = memberOf(top, 'result')?.start
  if (at === undefined || !isObjectAt(text, at))
    return { status: 200, text: errorText(how.idText, RPC.internalError, 'The answer is no MCP') }
  const found = members(text, at)
  const end = skipSpace(text, found.at(-1)?.end ?? at + 1) + 1
  const kept = found.filter(({ key }) => !NEW_MEMBERS.has(key))
  const meta = memberOf(found, '_meta')
  const parts = [
    '"resultType":"complete"',
    ...(isCacheable(how.method) ? [`"ttlMs":${how.ttlMs}`, '"cacheScope":"private"'] : []),
    ...metaPart(meta && text.slice(meta.start, meta.end), how.serverInfo),
    ...kept.map((member) => text.slice(member.at, member.end)),
  ]
  const translated = `${text.slice(0, at)}{${parts.join(',')}}${text.slice(end)}`
  return { status: 200, text: how.method === 'tools/list' ? withoutTasks(translated) : translated }
}

/** What a stateless child answers is passed on; only nobody else may keep it, because each login sees its own part. */
export function passOn(text: string): Outcome {
  const error = readError(text)
  if (!error) return { status: 200, text: splice(text, ['result', 'cacheScope'], '"private"') }
  return { status: statusOf(error.code), text }
}

/** The request needs something of the client that it has not declared (basic/index, "_meta"). */
export const missingCapability = (idText: string, missing: Iterable<string>): Outcome => ({
  status: 400,
  text: errorText(idText, MODERN_RPC.missingCapability, 'Missing required client capability', {
    requiredCapabilities: renderCapabilities(missing),
  }),
})

function statusOf(code: number): Outcome['status'] {
  if (code === RPC.methodNotFound) return 404
  const ours = [
    MODERN_RPC.headerMismatch,
    MODERN_RPC.missingCapability,
    MODERN_RPC.unsupportedVersion,
  ]
  return (ours as number[]).includes(code) ? 400 : 200
}

function translateError(
  text: string,
  { code, message, data }: { code: number; message: string; data: unknown },
  { idText, params }: Translation,
): Outcome {
  if (code === MODERN_RPC.urlElicitation) return missingCapability(idText, ['elicitation.url'])
  if (code === MODERN_RPC.resourceNotFound) {
    const more = { ...(isObject(data) && data), uri: params?.uri }
    return { status: 200, text: errorText(idText, RPC.invalidParams, message, more) }
  }
  if (code === RPC.methodNotFound) return { status: 404, text }
  if (!isReserved(code)) return { status: 200, text }
  const more = { ...(isObject(data) && data), childCode: code }
  return { status: 200, text: errorText(idText, RPC.internalError, message, more) }
}

function metaPart(source: string | undefined, serverInfo: string | undefined): string[] {
  if (source === undefined)
    return serverInfo === undefined ? [] : [`"_meta":{"${RESERVED}serverInfo":${serverInfo}}`]
  const meta = source.startsWith('{') ? source : '{}'
  const kept = members(meta, 0).filter(({ key }) => !key.startsWith(RESERVED))
  const parts = kept.map((member) => meta.slice(member.at, member.end))
  if (serverInfo !== undefined) parts.push(`"${RESERVED}serverInfo":${serverInfo}`)
  return parts.length > 0 ? [`"_meta":{${parts.join(',')}}`] : []
}

/** How a tool runs as a task is gone with the tasks of 2025-11-25. */
function withoutTasks(text: string): string {
  if (!text.includes('"execution"')) return text
  const withoutTask = (item: string): string => {
    const parts = members(item, 0).filter(({ key }) => key !== 'execution')
    return `{${parts.map((member) => item.slice(member.at, member.end)).join(',')}}`
  }
  return editList(text, 'tools', (list) => editItems(list, withoutTask))
}
