import { type Clock, SECOND_MS, within } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Sealer } from '../crypto.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Result } from '../result.ts'
import type { Store } from '../store/open.ts'
import type { Credential, DeadReason, LoggedIn, LoginFailure } from './credential.ts'
import { eachLimited } from './limited.ts'
import { createAlarm } from './vault-alarm.ts'
import { createLane } from './vault-lane.ts'
import { type LoginInput, logIn } from './vault-login.ts'
import { createProbe } from './vault-probe.ts'
import { createRefresher } from './vault-refresh.ts'
import {
  credentialOf,
  deadReasonOf,
  isDue,
  laterOf,
  OPERATOR_MARK,
  waitLeft,
} from './vault-rules.ts'
import { createVaultState, type VaultEvents } from './vault-state.ts'
import { createStranded } from './vault-stranded.ts'

/** Longest wait of a caller for a renewal, in milliseconds; the renewal itself goes on. */
export const RENEW_WAIT_MS = 30 * SECOND_MS
/** The least time that a caller is told to wait, in milliseconds. */
const MIN_RETRY_MS = SECOND_MS
/** Longest that a start waits for its vaults, in milliseconds; settling them goes on. */
export const RECOVER_WAIT_MS = 30 * SECOND_MS
/** Refreshes sent at once when the broker starts. */
const RECOVER_WIDTH = 4

/** The upstream credentials, one per account. */
export interface Vault {
  /**
   * What the account's vault gives now, from memory; never asks Forgejo. An ended token whose renewal may be tried
   * at once is `later` with `retryAfterMs` 0: then `renew`.
   */
  peek(accountId: string): Credential
  /** Why the account must log in again; undefined while it need not. From memory, as `peek`. */
  deadReason(accountId: string): DeadReason | undefined
  /**
   * Renews the account's token; all who ask meanwhile share one refresh. With `stale`, a vault that holds another
   * token by now answers with it at once, and `later` means that `stale` could not be replaced. Without, the token
   * is renewed in any case, and while it lives a failure gives the old one back. Never rejects.
   */
  renew(accountId: string, stale?: string): Promise<Credential>
  /**
   * Forgejo answered 401 to `token`. Another token, if the vault holds one; else a shared refresh, but after a
   * success less than 60 s ago userinfo decides first. The same token again means that userinfo accepts it.
   */
  rejected(accountId: string, token: string): Promise<Credential>
  /** The same on a mere suspicion, such as the words of a child: userinfo decides whether there is anything to do. */
  suspected(accountId: string, token: string): Promise<Credential>
  /** Exchanges a code and puts its pair into the vault of its user. Rejects only when the store cannot be written. */
  login(input: LoginInput): Promise<Result<LoggedIn, LoginFailure>>
  /**
   * At start: takes in the pairs of interrupted logins, then tries each attempt without an outcome once more.
   * Waits for Forgejo no longer than RECOVER_WAIT_MS.
   */
  recover(): Promise<void>
  /** Takes in the pairs of logins that were interrupted. */
  adoptStranded(): Promise<void>
  /** Accounts to renew at `now` (epoch ms), the most urgent first; `active` are those with running children. */
  due(now: number, active: ReadonlySet<string>): string[]
  /** The account's current and previous access token: to be masked in whatever is said. */
  secrets(accountId: string): readonly string[]
}

export interface VaultDeps {
  store: Store
  upstream: Upstream
  sealer: Sealer
  clock: Clock
  log: Log
  metrics: Metrics
  config: Pick<Config, 'allowedUsers' | 'forgejoScopes' | 'refreshLeadMs'>
  events: VaultEvents
}

/** The vaults of a store. There must be one per store: it is what keeps refreshes apart. */
export function createVault(deps: VaultDeps): Vault {
  const { store, clock, config } = deps
  const lane = createLane(clock)
  const alarm = createAlarm(deps)
  const state = createVaultState(deps)
  const stranded = createStranded({ ...deps, state })
  const refresher = createRefresher({ ...deps, state, stranded, lane, alarm })

  const renew = async (accountId: string, stale?: string): Promise<Credential> => {
    const before = state.get(accountId)
    const known = credentialOf(before, clock.now())
    if (!before || known.kind === 'dead') return known
    if (stale !== undefined && known.kind === 'ready' && known.token !== stale) return known
    if (refresher.isBusy(accountId) || waitLeft(before, clock.now()) === 0)
      await within(clock, RENEW_WAIT_MS, refresher.refresh(accountId))
    const now = clock.now()
    const after = state.get(accountId)
    const credential = credentialOf(after, now)
    const isStale = after?.generation === before.generation && stale !== undefined
    if (!after || credential.kind === 'dead' || (credential.kind === 'ready' && !isStale))
      return credential
    const later = laterOf(after, now)
    return { ...later, retryAfterMs: Math.max(later.retryAfterMs, MIN_RETRY_MS) }
  }

  const probe = createProbe({ ...deps, state, renew, isBusy: refresher.isBusy })

  return {
    peek: (accountId) => credentialOf(state.get(accountId), clock.now()),
    deadReason: (accountId) => deadReasonOf(state.get(accountId)),
    renew,
    rejected: (accountId, token) => probe.rejected(accountId, token),
    suspected: (accountId, token) => probe.suspected(accountId, token),
    login: (input) => logIn({ ...deps, state, stranded, lane, alarm }, input),

    async recover() {
      // Who restarts the broker may have mended what it was refused for.
      store.vaults.retryNow(OPERATOR_MARK)
      const recovering = async () => {
        await stranded.adoptAll()
        await eachLimited(store.vaults.listUnsettled(), RECOVER_WIDTH, refresher.refresh)
      }
      await within(clock, RECOVER_WAIT_MS, recovering())
    },

    adoptStranded: () => stranded.adoptAll(),

    due(now, active) {
      return store.vaults
        .listAlive()
        .filter((row) => isDue(row, now, active.has(row.accountId), config.refreshLeadMs))
        .sort((a, b) => a.accessExpiresAt - b.accessExpiresAt)
        .map((row) => row.accountId)
    },

    secrets: (accountId) => state.secrets(accountId),
  }
}
