import type { Clock } from '../clock.ts'
import { hashToken, randomId } from '../crypto.ts'
import type { Log } from '../log.ts'
import { err, ok, type Result } from '../result.ts'
import type { ClientRow } from '../store/clients.ts'
import type { Store } from '../store/open.ts'
import { createDocuments } from './cimd.ts'
import { type ClientMetadata, canonicalMetadata, parseClientMetadata } from './client-metadata.ts'
import { createDocumentFetcher, type DocumentFetcher } from './document-fetch.ts'
import type { Policy } from './policy.ts'

/** An MCP client as the authorization server knows it. */
export interface Client {
  id: string
  kind: 'preregistered' | 'dynamic' | 'document'
  /** The client's own claim, fit to be shown. */
  name: string
  redirectUris: readonly string[]
}

/** Why a `client_id` gives no client. */
export type ClientRefusal = 'unknown' | 'revoked' | 'unreachable' | 'invalid'

export interface Clients {
  /**
   * Registers a client (RFC 7591 §3) from parsed JSON and says what to answer. An identical registration gives the
   * same client. Throws OAuthError `invalid_client_metadata` or `invalid_redirect_uri`.
   */
  register(body: unknown): { client: Client; response: Record<string, unknown> }
  /** Adds a client by the operator's hand: never pruned, never matched by a registration. Throws like `register`. */
  add(input: { name: string; redirectUris: readonly string[] }): Client
  /** The client of a `client_id`; for a metadata document's URL this may take the 5 s of a fetch. */
  resolve(clientId: string): Promise<Result<Client, ClientRefusal>>
}

export interface ClientsDeps {
  store: Store
  policy: Policy
  clock: Clock
  log: Log
  fetcher?: DocumentFetcher
  /** Clients kept that no operator added; 10,000 when not given. */
  maxUnasked?: number
}

const MAX_UNASKED_CLIENTS = 10_000

/** The registry of clients, over the store. */
export function createClients(deps: ClientsDeps): Clients {
  const { store, policy, clock, log } = deps
  const maxUnasked = deps.maxUnasked ?? MAX_UNASKED_CLIENTS

  const makeRoom = () => {
    const gone = store.clients.prune(store.clients.countUnasked() - maxUnasked + 1)
    if (gone > 0) log.info('clients without a grant removed', { count: gone })
  }

  const fetcher = deps.fetcher ?? createDocumentFetcher({ clock })
  const documents = createDocuments({ store, policy, clock, log, fetcher, makeRoom })

  const answered = ({ name, redirectUris }: ClientMetadata): Record<string, unknown> => ({
    client_name: name,
    redirect_uris: redirectUris,
    grant_types: policy.grantTypes,
    response_types: policy.responseTypes,
    token_endpoint_auth_method: policy.authMethods[0],
  })

  const insert = (now: number, metadata: ClientMetadata, fingerprint?: string): ClientRow => {
    const kind = fingerprint === undefined ? 'preregistered' : 'dynamic'
    const row = store.clients.insert(now, {
      id: randomId('client'),
      kind,
      name: metadata.name,
      redirectUris: [...metadata.redirectUris],
      metadata: answered(metadata),
      fingerprint: fingerprint ?? null,
    })
    store.audit.add(now, { event: 'client.registered', clientId: row.id, reason: kind })
    return row
  }

  return {
    register(body) {
      const metadata = parseClientMetadata(body, policy)
      const fingerprint = hashToken(canonicalMetadata(metadata))
      const now = clock.now()
      const row = store.transaction(() => {
        const known = store.clients.findRegistered(fingerprint)
        if (known) {
          store.clients.touch(now, known.id)
          return known
        }
        makeRoom()
        return insert(now, metadata, fingerprint)
      })
      const issuedAt = Math.floor(row.createdAt / 1000)
      const response = { client_id: row.id, client_id_issued_at: issuedAt, ...row.metadata }
      return { client: asClient(row), response }
    },

    add({ name, redirectUris }) {
      const metadata = parseClientMetadata(
        { client_name: name, redirect_uris: [...redirectUris] },
        policy,
      )
      return asClient(store.transaction(() => insert(clock.now(), metadata)))
    },

    async resolve(clientId) {
      if (clientId.startsWith('https://')) {
        const document = await documents.resolve(clientId)
        return document.ok ? ok(asClient(document.value)) : document
      }
      const row = store.clients.get(clientId)
      if (!row) return err('unknown')
      return row.revokedAt === null ? ok(asClient(row)) : err('revoked')
    },
  }
}

const asClient = ({ id, kind, name, redirectUris }: ClientRow): Client => ({
  id,
  kind,
  name,
  redirectUris,
})
