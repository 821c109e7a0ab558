import { covers, missingScopes, plainScopes } from '../scopes.ts'
import type { CallSink } from './calls.ts'
import { editItems, editList, textMember, withMember } from './listing.ts'
import { resourceScopes, templateScopes } from './resources.ts'
import type { RpcRequest } from './rpc.ts'
import { callScopes, findTool, type Tool, usableWith } from './tools.ts'

/** A request that goes beyond what its caller may do. */
export interface Denial {
  /** What was wanted, in a few words. */
  what: string
  /** The scopes it needs and the caller does not have; empty when no scope would help. */
  missing: readonly string[]
  /** Whether a new login can get them: this server gives them out. */
  grantable: boolean
  /** A sentence or two for whoever reads the error, a model most likely. */
  text: string
}

/** What a caller with certain scopes may ask of a child, and what it gets to see. */
export interface Permissions {
  /** Why a request must not reach the child; undefined when it may. `held` are the caller's scopes. */
  denial(request: RpcRequest, held: readonly string[]): Denial | undefined
  /** The same sink, with what the caller may not use left out of listings, and tools described by what they really do. */
  shown(request: RpcRequest, held: readonly string[], sink: CallSink): CallSink
}

/** How many tools without known scopes are remembered, and named in the log. */
const MAX_UNLISTED = 200
/** How many edited listings are remembered; one is about 100 kB. */
const MAX_REMEMBERED = 32
/** Longest name that is repeated in a text, in characters. */
const MAX_NAME = 80

const quoted = (name: unknown): string =>
  typeof name === 'string' ? JSON.stringify(name.slice(0, MAX_NAME)) : 'without a name'

/**
 * The permissions that follow from the tables of tools and resources.
 * @param options.supported every scope that a login can have: what is not in the tables needs them all
 * @param options.withheld tools that nobody may use
 * @param options.unlisted told once of each tool that a child has and the table has not
 */
export function createPermissions(options: {
  supported: readonly string[]
  withheld?: readonly string[]
  unlisted?(name: string): void
}): Permissions {
  const { supported, withheld = [], unlisted = () => {} } = options
  /** The tools that a child has and the table has not. */
  const others = new Set<string>()
  /** Whether a child has said all that it has. */
  let listed = false

  /** Whether no child is known to have such a tool, although one has said what it has: the name is a mistake. */
  const isNowhere = (name: unknown): boolean =>
    listed && others.size < MAX_UNLISTED && !(typeof name === 'string' && others.has(name))

  const needs = (
    { method, params = {} }: RpcRequest,
    held: readonly string[],
  ): Denial | undefined => {
    switch (method) {
      case 'tools/call': {
        const tool = findTool(params.name)
        if (!tool) {
          const denial = deny(supported, held, `the tool ${quoted(params.name)}`, supported)
          return denial && isNowhere(params.name) ? nowhere(params.name) : denial
        }
        if (withheld.includes(tool.name)) return notOffered(tool.name)
        const needed = callScopes(tool, params.arguments)
        if (covers(held, needed)) return undefined
        return deny(supported, held, tool.name, needed, otherWay(tool, held))
      }
      case 'resources/read':
      case 'resources/subscribe': {
        const scopes = resourceScopes(params.uri) ?? supported
        return deny(supported, held, `the resource ${quoted(params.uri)}`, scopes)
      }
      default:
        return undefined
    }
  }

  /** Whether the caller can use what has these scopes; what has no known ones needs all. */
  const usable = (held: readonly string[], scopes: readonly string[] | undefined): boolean =>
    covers(held, scopes ?? supported)

  const toolShown = (item: string, held: readonly string[]): string | undefined => {
    const name = textMember(item, 'name') ?? ''
    const tool = findTool(name)
    if (!tool) {
      if (!others.has(name) && others.size < MAX_UNLISTED) {
        others.add(name)
        unlisted(name.slice(0, MAX_NAME))
      }
      return usable(held, undefined) ? item : undefined
    }
    if (withheld.includes(name)) return undefined
    if (!usableWith(tool).some((scopes) => usable(held, scopes))) return undefined
    return withMember(withMember(item, 'title', tool.hints.title), 'annotations', tool.hints)
  }

  const kept = (
    held: readonly string[],
    scopes: readonly string[] | undefined,
    item: string,
  ): string | undefined => (usable(held, scopes) ? item : undefined)

  /** How an item of a listing is shown; undefined for a method that lists nothing. */
  const itemShown = (
    method: string,
    held: readonly string[],
  ): { key: string; edit(item: string): string | undefined } | undefined => {
    switch (method) {
      case 'tools/list':
        return { key: 'tools', edit: (item) => toolShown(item, held) }
      case 'resources/list':
        return {
          key: 'resources',
          edit: (item) => kept(held, resourceScopes(textMember(item, 'uri')), item),
        }
      case 'resources/templates/list':
        return {
          key: 'resourceTemplates',
          edit: (item) => kept(held, templateScopes(textMember(item, 'uriTemplate')), item),
        }
      default:
        return undefined
    }
  }

  /** Children say the same list again and again, so the last one of each kind of caller is remembered. */
  const remembered = new Map<string, { list: string; shown: string }>()
  const listShown = (name: string, list: string, edit: (item: string) => string | undefined) => {
    const last = remembered.get(name)
    if (last?.list === list) return last.shown
    const shown = editItems(list, edit)
    const [oldest] = remembered.keys()
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    remembered.delete(name)
    remembered.set(name, { list, shown })
    return shown
  }

  return {
    denial: needs,
    shown({ method }, held, sink) {
      const items = itemShown(method, held)
      if (!items) return sink
      const { key, edit } = items
      const name = [method, ...held].join(' ')
      return {
        message: (text) => sink.message(text),
        end: (text) =>
          sink.end(
            editList(text, key, (list) => {
              listed ||= key === 'tools' && !text.includes('"nextCursor"')
              return listShown(name, list, edit)
            }),
          ),
      }
    },
  }
}

function deny(
  supported: readonly string[],
  held: readonly string[],
  what: string,
  needed: readonly string[],
  otherWay = '',
): Denial | undefined {
  const missing = missingScopes(held, needed)
  if (missing.length === 0) return undefined
  const plain = plainScopes(missing)
  const start = `Not permitted: ${what} needs the permission ${plain.join(', ')}, which `
  if (!covers(supported, missing)) {
    const text = `${start}this server gives to nobody. ${otherWay}Do not try it again like this.`
    return { what, missing: plain, grantable: false, text }
  }
  const has = held.length > 0 ? plainScopes(held).join(', ') : 'no permission at all'
  const text =
    `${start}the user has not given to this connection; it has ${has}. ` +
    `${otherWay}Do not try again: ask the user to connect anew and allow it.`
  return { what, missing: plain, grantable: true, text }
}

/** How the caller could use the tool with what it has. */
function otherWay(tool: Tool, held: readonly string[]): string {
  const form = tool.forms.find(({ scopes }) => covers(held, scopes))
  return form ? `It can be used ${form.how}. ` : ''
}

/** No login would help to call a tool that there is not. */
const nowhere = (name: unknown): Denial => ({
  what: `the tool ${quoted(name)}`,
  missing: [],
  grantable: false,
  text: `Not available: there is no tool ${quoted(name)} here. Take its name from tools/list.`,
})

const notOffered = (name: string): Denial => ({
  what: name,
  missing: [],
  grantable: false,
  text: `Not available: the operator of this server does not offer ${name}.`,
})
