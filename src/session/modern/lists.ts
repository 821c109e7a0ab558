import { type Clock, SECOND_MS, TIMED_OUT, within } from '../../clock.ts'
import type { ModernCall } from '../../mcp/modern/check.ts'
import { LIST_MEMBERS, type Outcome, readError } from '../../mcp/modern/outcome.ts'
import { type HeaderParam, readHeaderParams } from '../../mcp/modern/param-headers.ts'
import { isObject, type Params } from '../../mcp/rpc.ts'
import { withId } from '../../mcp/splice.ts'
import type { About, PoolChild, PoolKey } from '../pool/child.ts'
import type { HeaderParams, Page, Shelf } from './shelf.ts'
import { ask, outcomeOf, say, type Turn } from './turn.ts'

/** How long a client may keep a list that it would hear of when it changes, in ms. */
export const CLIENT_TTL_MS = 60 * SECOND_MS

/** Pages of tools that are looked through for parameters in headers, and how long that may take in all, in ms. */
const MAX_PAGES = 64
const LOOK_MS = 10 * SECOND_MS

const pageOf = ({ request }: ModernCall): Page => ({
  method: request.method,
  cursor: request.params?.cursor,
})

/** Whether the child tells when that list changes: otherwise nobody knows how long it is good. */
function isWatched(method: string, { capabilities }: About): boolean {
  const owner = capabilities[method.split('/')[0] ?? '']
  return isObject(owner) && owner.listChanged === true
}

/**
 * Whether a list can be answered for a while without asking again. Templates, prompts and tools are the program's
 * own; resources come and go, so they are kept only when the child tells.
 */
const isKept = (method: string, about: About): boolean =>
  method !== 'resources/list' || isWatched(method, about)

/** The lists of children, asked for or remembered. */
export interface Lists {
  /** Answers from memory; false when a child must be asked. */
  recall(turn: Turn, key: PoolKey): boolean
  /** Asks a child. */
  ask(child: PoolChild, turn: Turn): { cancel(reason: string): void; done: Promise<void> }
  /** The parameters in headers of the child's tools, as far as they are known. */
  headerParams(child: PoolChild): HeaderParams | undefined
  /** Looks for them; a child that does not list its tools in time has none. */
  lookForHeaders(child: PoolChild): Promise<HeaderParams>
}

/** The lists over a shelf. */
export function createLists({ clock, shelf }: { clock: Clock; shelf: Shelf }): Lists {
  const looking = new Map<PoolChild, Promise<HeaderParams>>()

  const page = async (child: PoolChild, cursor: unknown): Promise<Params> => {
    const text = await ask(child, 'tools/list', cursor === undefined ? {} : { cursor })
    const message: unknown = JSON.parse(text)
    const result = isObject(message) ? message.result : undefined
    return isObject(result) ? result : {}
  }

  const lookThrough = async (child: PoolChild): Promise<HeaderParams> => {
    const version = shelf.version(child.key.accountId)
    const found = new Map<string, readonly HeaderParam[]>()
    let cursor: unknown
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const result = await page(child, cursor)
      for (const [tool, params] of readHeaderParams(result.tools)) found.set(tool, params)
      cursor = result.nextCursor
      if (cursor === undefined) break
    }
    if (child.live.over === undefined) shelf.keepHeaderParams(child.key, found, version)
    return found
  }

  const lookOnce = async (child: PoolChild): Promise<HeaderParams> => {
    const running = looking.get(child) ?? lookThrough(child).finally(() => looking.delete(child))
    looking.set(child, running)
    const found = await within(clock, LOOK_MS, running)
    return found === TIMED_OUT ? new Map() : found
  }

  return {
    recall({ call, sink }, key) {
      if (!(call.request.method in LIST_MEMBERS)) return false
      const known = shelf.list(key, pageOf(call))
      if (known === undefined) return false
      sink.end({ status: 200, text: withId(known, call.request.idText) })
      return true
    },

    ask(child, { call, shown, sink }) {
      const { method } = call.request
      const version = shelf.version(child.key.accountId)
      const ttlMs = isWatched(method, child.about) ? CLIENT_TTL_MS : 0
      const done = Promise.withResolvers<void>()
      const end = (text: string): void => {
        const came: Outcome = outcomeOf(child, call, text, ttlMs)
        const outcome = { ...came, text: shown(came.text) }
        if (!readError(text) && isKept(method, child.about))
          shelf.keepList(child.key, pageOf(call), outcome.text, version)
        sink.end(outcome)
        done.resolve()
      }
      const open = say(child, call, { message: child.heard, end })
      return { cancel: (reason) => open.cancel(reason), done: done.promise }
    },

    headerParams: (child) => shelf.headerParams(child.key),
    lookForHeaders: lookOnce,
  }
}
