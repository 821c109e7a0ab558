import { numberOf } from '../exact.ts'
import { isObject } from '../rpc.ts'
import { decodeHeader } from './header-value.ts'

/** A parameter of a tool that its callers repeat in a header `Mcp-Param-…`. */
export interface HeaderParam {
  /** Behind `Mcp-Param-`, lower case. */
  readonly name: string
  /** The keys that lead to it in the arguments. */
  readonly path: readonly string[]
  readonly integer: boolean
}

/** The values of `Mcp-Param-…`, by what stands behind, lower case. */
export type ParamHeaders = Pick<ReadonlyMap<string, string>, 'get'>

/** How deep a schema is followed. */
const MAX_DEPTH = 16

/** The types that a header can hold. */
const PRIMITIVES: readonly unknown[] = ['string', 'integer', 'boolean']

/** A field name (RFC 9110 §5.1). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * The header parameters of a tool, by its `inputSchema` (streamable-http, "Schema Extension"). A schema that breaks
 * the rules for them has none: clients must not offer such a tool at all.
 */
export function headerParams(schema: unknown): HeaderParam[] {
  const found: HeaderParam[] = []
  let valid = true
  const visit = (at: unknown, path: readonly string[]): void => {
    if (!isObject(at) || !isObject(at.properties) || path.length >= MAX_DEPTH) return
    for (const [key, property] of Object.entries(at.properties)) {
      if (!isObject(property)) continue
      const header = property['x-mcp-header']
      if (header !== undefined) {
        const primitive = PRIMITIVES.includes(property.type)
        if (typeof header === 'string' && TOKEN.test(header) && primitive) {
          const integer = property.type === 'integer'
          found.push({ name: header.toLowerCase(), path: [...path, key], integer })
        } else valid = false
      }
      visit(property, [...path, key])
    }
  }
  visit(schema, [])
  const names = new Set(found.map(({ name }) => name))
  return valid && names.size === found.length ? found : []
}

/** The tools of a `tools/list` result that have header parameters. */
export function readHeaderParams(tools: unknown): Map<string, HeaderParam[]> {
  const found = new Map<string, HeaderParam[]>()
  if (!Array.isArray(tools)) return found
  for (const tool of tools) {
    if (!isObject(tool) || typeof tool.name !== 'string') continue
    const params = headerParams(tool.inputSchema)
    if (params.length > 0) found.set(tool.name, params)
  }
  return found
}

/** What is wrong between a call's arguments and its headers, as a sentence; undefined when they agree. */
export function paramMismatch(
  params: readonly HeaderParam[],
  args: unknown,
  headers: ParamHeaders,
): string | undefined {
  for (const param of params) {
    const header = `Mcp-Param-${param.name}`
    const given = headers.get(param.name)
    const value = param.path.reduce(
      (at: unknown, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined),
      args,
    )
    const absent = value === undefined || value === null
    if (given === undefined && absent) continue
    if (given === undefined) return `${header} is missing`
    const decoded = decodeHeader(given)
    if (decoded === undefined) return `${header} is malformed`
    if (absent) return `${header} stands for no argument`
    if (!agree(decoded, value, param.integer)) return `${header} does not match the argument`
  }
  return undefined
}

/** An integer is compared as a number: `42.0` is 42. What no header can hold agrees with none. */
function agree(header: string, value: unknown, integer: boolean): boolean {
  if (typeof value === 'string') return header === value
  if (typeof value === 'boolean') return header === String(value)
  const number = numberOf(value)
  if (number === undefined) return false
  const text = header.trim()
  if (!integer) return text === String(number)
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) && Number(text) === number
}
