import { type Clock, MINUTE_MS } from '../../clock.ts'
import type { HeaderParam } from '../../mcp/modern/param-headers.ts'
import type { About, PoolChild, PoolKey } from '../pool/child.ts'

/** How long what a child said of itself is good without asking one again, in ms. */
const KEPT_MS = 10 * MINUTE_MS

/** What is kept at most: entries of one kind, and characters of lists. */
const MAX_ENTRIES = 512
const MAX_CHARS = 32 * 1024 * 1024

/** The parameters in headers of each tool that has some. */
export type HeaderParams = ReadonlyMap<string, readonly HeaderParam[]>

/**
 * What is known of children without waking one: what they are, and what they list. It holds for the account, the
 * scopes and the capabilities it was learnt with, until a child says that a list is another one now, or is another
 * program than before.
 */
export interface Shelf {
  about(key: PoolKey): About | undefined
  /** Takes note of a child that has just started. */
  learn(child: PoolChild): void
  list(key: PoolKey, page: Page): string | undefined
  /** Keeps a list that was asked for when `version` was what it said; an older one is not kept. */
  keepList(key: PoolKey, page: Page, text: string, version: number): void
  headerParams(key: PoolKey): HeaderParams | undefined
  keepHeaderParams(key: PoolKey, params: HeaderParams, version: number): void
  /** Rises whenever a list of the account may have become another one. */
  version(accountId: string): number
  changed(accountId: string): void
}

/** One page of one list. */
export interface Page {
  method: string
  /** The `cursor`, as parsed. */
  cursor: unknown
}

interface Entry<V> {
  accountId: string
  value: V
  until: number
}

/** An empty shelf. */
export function createShelf(clock: Clock): Shelf {
  const abouts = createEntries<About>(clock, KEPT_MS)
  const lists = createEntries<string>(clock, KEPT_MS, (text) => text.length)
  // The first call after a sleep must not wait for a list: these are good until a child says otherwise.
  const headers = createEntries<HeaderParams>(clock, Number.POSITIVE_INFINITY)
  const versions = new Map<string, number>()

  const version = (accountId: string): number => versions.get(accountId) ?? 0

  const changed = (accountId: string): void => {
    versions.set(accountId, version(accountId) + 1)
    lists.forget(accountId)
    headers.forget(accountId)
  }

  const pageKey = (key: PoolKey, { method, cursor }: Page): string =>
    `${key.place}\n${method}\n${JSON.stringify(cursor) ?? ''}`

  return {
    about: (key) => abouts.get(key.place),
    learn({ about, key }) {
      const before = abouts.get(key.place)
      if (before && before.serverInfo !== about.serverInfo) changed(key.accountId)
      abouts.set(key.place, key.accountId, about)
    },
    list: (key, page) => lists.get(pageKey(key, page)),
    keepList(key, page, text, seen) {
      if (seen === version(key.accountId)) lists.set(pageKey(key, page), key.accountId, text)
    },
    headerParams: (key) => headers.get(key.place),
    keepHeaderParams(key, params, seen) {
      if (seen === version(key.accountId)) headers.set(key.place, key.accountId, params)
    },
    version,
    changed,
  }
}

/** A bounded map whose oldest entries go first. */
function createEntries<V>(clock: Clock, keepMs: number, sizeOf: (value: V) => number = () => 0) {
  const entries = new Map<string, Entry<V>>()
  let size = 0

  const remove = (key: string): void => {
    const entry = entries.get(key)
    if (!entry) return
    size -= sizeOf(entry.value)
    entries.delete(key)
  }

  return {
    get(key: string): V | undefined {
      const entry = entries.get(key)
      if (entry && entry.until > clock.now()) return entry.value
      remove(key)
      return undefined
    },
    set(key: string, accountId: string, value: V): void {
      remove(key)
      size += sizeOf(value)
      entries.set(key, { accountId, value, until: clock.now() + keepMs })
      while (entries.size > MAX_ENTRIES || size > MAX_CHARS) {
        const [oldest] = entries.keys()
        if (oldest === undefined) break
        remove(oldest)
      }
    },
    forget(accountId: string): void {
      for (const [key, entry] of entries) if (entry.accountId === accountId) remove(key)
    },
  }
}
