import { type Clock, DAY_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { err, ok, type Result } from '../result.ts'
import { covers, impliedScopes, missingScopes, plainScopes } from '../scopes.ts'
import type { Store } from '../store/open.ts'
import { type ChoiceProblem, chooseScopes, offerScopes, type ScopeChoice } from './choice.ts'
import type { Credential } from './credential.ts'
import { param } from './params.ts'
import { redirectHost, redirectKind } from './redirect-uri.ts'
import type { Revocation } from './revoke.ts'
import { commonScopes } from './standing.ts'
import { type Failure, lastEnd, lastFailure, type Moment, timeline } from './timeline.ts'

/** Connections that one page shows. */
const MAX_CONNECTIONS = 100
/** Events of one connection that are read, and lines of its timeline. */
const MAX_EVENTS = 500
const MAX_MOMENTS = 60
/** A failure so old is history, not trouble. */
const TROUBLE_MS = 14 * DAY_MS
/** Places a client may send the browser to that are named. */
const MAX_PLACES = 3

/** One client that a person let in. Times are epoch ms. */
export interface Connection {
  id: string
  /** The client's own claim about its name. */
  clientName: string
  /** The client_id when it is a metadata document's URL. */
  clientUrl?: string
  /** Where its logins end: hosts, or private schemes. */
  places: readonly string[]
  connectedAt: number
  lastUsedAt: number | undefined
  /** Logins of it that are good still; none: it must be connected again. */
  logins: number
  /** What it may do now, out of all that its logins were given. */
  choice: ScopeChoice
  /** What works for it now: its sessions that have a child, and the children that serve it without one. */
  awake: number
  /** Its other sessions. */
  asleep: number
  failure: Failure | undefined
  /** Why its last login ended, where one did not just run out. */
  ended: string | undefined
  moments: readonly Moment[]
}

/** What a person sees of their own. */
export interface ConnectionsView {
  connections: readonly Connection[]
  /** Whether there are more than are shown. */
  more: boolean
  credential: Credential
  /** Scopes that the broker asks for and that Forgejo does not grant it for this account. */
  missingScopes: readonly string[]
}

/** The permissions of one client of an account are others now. */
export interface PermissionsChanged {
  accountId: string
  clientId: string
  /** The most that any of its logins may do. */
  scopes: readonly string[]
}

/** A person's own connections: to look at, to narrow, to end. Nobody can reach another account's. */
export interface Connections {
  view(accountId: string): ConnectionsView
  /** Sets what a client may do at once, within what its logins were given; the form is that of `chooseScopes`. */
  change(
    accountId: string,
    grantId: string,
    form: URLSearchParams,
  ): Result<void, ChoiceProblem | 'gone'>
  /** Ends a client's grant with its logins and sessions; false when there is none. */
  disconnect(accountId: string, grantId: string): boolean
  /** Ends them all; returns how many. */
  disconnectAll(accountId: string): number
}

export interface ConnectionsDeps {
  store: Store
  clock: Clock
  config: Pick<Config, 'forgejoScopes'>
  vault: { peek(accountId: string): Credential }
  revocation: Pick<Revocation, 'revokeGrant'>
  /** The account's sessions that have a running child, counted for each client. */
  awake(accountId: string): ReadonlyMap<string, number>
  /** The account's children that serve clients without sessions, counted for each client. */
  stateless(accountId: string): ReadonlyMap<string, number>
  /** Told after the fact is stored. */
  changed(change: PermissionsChanged): void
}

const BY_USER = 'by the user, on the connections page'

/** What the living logins of a grant were given, together. */
const given = (logins: readonly { scopes: string[]; live: boolean }[]): string[] =>
  plainScopes(logins.filter(({ live }) => live).flatMap(({ scopes }) => scopes))

/** A place that a login ends at, as people know it. */
const placeOf = (uri: string): string =>
  redirectKind(uri) === 'private-scheme' ? `${redirectHost(uri)}:` : redirectHost(uri)

const latest = (...times: (number | null | undefined)[]): number | undefined => {
  const known = times.filter((time) => typeof time === 'number')
  return known.length > 0 ? Math.max(...known) : undefined
}

/** Connections over a store. */
export function createConnections(deps: ConnectionsDeps): Connections {
  const { store, clock, config, vault, revocation } = deps

  const loginsOf = (accountId: string) =>
    Map.groupBy(store.connections.logins(clock.now(), accountId), ({ grantId }) => grantId)

  const ownGrant = (accountId: string, grantId: string) => {
    const grant = store.grants.find(grantId)
    return grant?.accountId === accountId && grant.revokedAt === null ? grant : undefined
  }

  return {
    view(accountId) {
      const grants = store.connections.grants(accountId, MAX_CONNECTIONS + 1)
      const logins = loginsOf(accountId)
      const sessions = new Map(
        store.connections.sessions(accountId).map((each) => [each.clientId, each]),
      )
      const awakeOf = deps.awake(accountId)
      const statelessOf = deps.stateless(accountId)
      const connections = grants.slice(0, MAX_CONNECTIONS).map((grant): Connection => {
        const { id, clientId, kind, name } = grant
        const own = logins.get(id) ?? []
        const running = sessions.get(clientId)
        const awake = Math.min(awakeOf.get(clientId) ?? 0, running?.sessions ?? 0)
        const story = store.audit.story(accountId, clientId, MAX_EVENTS)
        const recent = story.filter(({ at }) => at > clock.now() - TROUBLE_MS)
        const most = given(own)
        return {
          id,
          clientName: name,
          ...(kind === 'document' && { clientUrl: clientId }),
          places: [...new Set(grant.redirectUris.map(placeOf))].slice(0, MAX_PLACES),
          connectedAt: grant.createdAt,
          lastUsedAt: latest(running?.lastUsedAt, ...own.map(({ lastUsedAt }) => lastUsedAt)),
          logins: own.filter(({ live }) => live).length,
          choice: offerScopes(most, commonScopes(most, grant.scopes)),
          awake: awake + (statelessOf.get(clientId) ?? 0),
          asleep: (running?.sessions ?? 0) - awake,
          failure: lastFailure(recent),
          ended: lastEnd(story),
          moments: timeline(story, MAX_MOMENTS),
        }
      })
      const granted = store.vaults.get(accountId)?.scopes
      return {
        connections,
        more: grants.length > MAX_CONNECTIONS,
        credential: vault.peek(accountId),
        missingScopes: granted ? missingScopes(granted, config.forgejoScopes) : [],
      }
    },

    change(accountId, grantId, form) {
      const grant = ownGrant(accountId, grantId)
      if (!grant) return err('gone')
      const most = given(loginsOf(accountId).get(grantId) ?? [])
      if (most.length === 0) return err('gone')
      if (param(form, 'access') === undefined) return err('unclear')
      const chosen = chooseScopes(most, form)
      if (!chosen.ok) return chosen
      const before = commonScopes(most, grant.scopes)
      const scopes = impliedScopes(chosen.value)
      if (covers(before, scopes) && covers(scopes, before)) return ok(undefined)
      const { clientId } = grant
      const now = clock.now()
      store.transaction(() => {
        store.grants.setScopes(now, grantId, scopes)
        const reason = plainScopes(scopes).join(' ')
        store.audit.add(now, { event: 'grant.changed', accountId, clientId, reason })
      })
      deps.changed({ accountId, clientId, scopes })
      return ok(undefined)
    },

    disconnect: (accountId, grantId) =>
      ownGrant(accountId, grantId) !== undefined && revocation.revokeGrant(grantId, BY_USER),

    disconnectAll(accountId) {
      const grants = store.grants.list({ accountId })
      return grants.filter(({ id }) => revocation.revokeGrant(id, BY_USER)).length
    },
  }
}
