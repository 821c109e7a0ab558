import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../clock.ts'
import type { Log } from '../log.ts'
import { err, ok, type Result } from '../result.ts'
import type { ClientRow } from '../store/clients.ts'
import type { Store } from '../store/open.ts'
import { parseClientDocument } from './client-metadata.ts'
import type { DocumentFetcher } from './document-fetch.ts'
import type { Policy } from './policy.ts'

/** Why a metadata document gives no client. */
export type DocumentRefusal = 'revoked' | 'unreachable' | 'invalid'

/** How long a document is used without asking again: its own `max-age` within these bounds, else the default. */
const MIN_FRESH_MS = 5 * MINUTE_MS
const MAX_FRESH_MS = DAY_MS
const DEFAULT_FRESH_MS = HOUR_MS

/** How long after its last good fetch a document still serves while it cannot be fetched. */
const MAX_STALE_MS = 7 * DAY_MS

/** How long a document that failed is not asked for again. */
const RETRY_MS = 30 * SECOND_MS

/** Fetches under way at once, and failures remembered; beyond them a new document is refused. */
const MAX_FETCHES = 16
const MAX_FAILURES = 1_000

const MAX_URL_LENGTH = 1_000

/**
 * Whether a `client_id` is written as a metadata document's URL must be: https, a host name (not an address), a path,
 * no fragment, no userinfo. It must also be in normal form, judged on the raw string: parsing would hide dot segments.
 */
export function isDocumentUrl(id: string): boolean {
  if (id.length > MAX_URL_LENGTH || !id.startsWith('https://') || !URL.canParse(id)) return false
  const url = new URL(id)
  return (
    url.href === id &&
    !id.includes('#') &&
    url.username === '' &&
    url.password === '' &&
    url.pathname !== '/' &&
    /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*$/.test(url.hostname)
  )
}

export interface DocumentsDeps {
  store: Store
  policy: Policy
  clock: Clock
  log: Log
  fetcher: DocumentFetcher
  /** Makes room for one more row. */
  makeRoom: () => void
}

/**
 * Clients that are client-id metadata documents (draft-ietf-oauth-client-id-metadata-document): fetched once for all
 * who ask at the same time, kept while fresh, and served stale for up to seven days while they cannot be fetched.
 */
export function createDocuments(deps: DocumentsDeps) {
  const { store, policy, clock, log, fetcher } = deps
  const fetches = new Map<string, Promise<Result<ClientRow, DocumentRefusal>>>()
  const failures = new Map<string, { until: number; refusal: DocumentRefusal }>()

  const remember = (url: string, refusal: DocumentRefusal) => {
    const [oldest] = failures.keys()
    if (failures.size >= MAX_FAILURES && oldest !== undefined) failures.delete(oldest)
    failures.delete(url)
    failures.set(url, { until: clock.now() + RETRY_MS, refusal })
  }

  const read = async (url: string): Promise<Result<ClientRow, DocumentRefusal>> => {
    const fetched = await fetcher(url)
    if (!fetched.ok) {
      log.info('client document not fetched', { client: url, reason: fetched.error })
      return err('unreachable')
    }
    const { body, maxAgeMs = DEFAULT_FRESH_MS } = fetched.value
    try {
      const { name, redirectUris } = parseClientDocument(body, url, policy)
      const now = clock.now()
      const freshUntil = now + Math.min(Math.max(maxAgeMs, MIN_FRESH_MS), MAX_FRESH_MS)
      const said = { id: url, name, redirectUris: [...redirectUris], metadata: {} }
      const row = store.transaction(() => {
        if (!store.clients.get(url)) deps.makeRoom()
        return store.clients.saveDocument(now, said, freshUntil)
      })
      return row.revokedAt === null ? ok(row) : err('revoked')
    } catch (error) {
      log.info('client document refused', { client: url, error })
      return err('invalid')
    }
  }

  const refresh = async (url: string): Promise<Result<ClientRow, DocumentRefusal>> => {
    const fresh = await read(url)
    if (fresh.ok || fresh.error === 'revoked') return fresh
    const now = clock.now()
    const known = store.clients.get(url)
    if (known?.fetchedAt != null && now - known.fetchedAt <= MAX_STALE_MS) {
      if (known.revokedAt !== null) return err('revoked')
      store.clients.postpone(url, now + RETRY_MS)
      return ok(known)
    }
    remember(url, fresh.error)
    return fresh
  }

  return {
    /** The client that a metadata document describes; bounded by the fetcher's own bound. */
    async resolve(url: string): Promise<Result<ClientRow, DocumentRefusal>> {
      if (!isDocumentUrl(url)) return err('invalid')
      const now = clock.now()
      const known = store.clients.get(url)
      if (known && known.revokedAt !== null) return err('revoked')
      if (known?.freshUntil != null && known.freshUntil > now) return ok(known)
      const failure = failures.get(url)
      if (failure && failure.until > now) return err(failure.refusal)
      const underWay = fetches.get(url)
      if (underWay) return underWay
      if (fetches.size >= MAX_FETCHES) return err('unreachable')
      const fetching = refresh(url).finally(() => fetches.delete(url))
      fetches.set(url, fetching)
      return fetching
    },
  }
}
