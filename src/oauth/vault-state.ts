import { type Clock, SECOND_MS, sleep } from '../clock.ts'
import type { Sealed, Sealer } from '../crypto.ts'
import type { TokenPair } from '../forgejo/outcome.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/open.ts'
import type { VaultRow } from '../store/vaults.ts'
import type { DeadReason } from './credential.ts'
import { endLogins, REVOKED_UPSTREAM } from './revoke.ts'
import { endsOf, type Held, type Origin, replaces } from './vault-rules.ts'

/** What the vault tells the rest of the broker, always after it is stored. */
export interface VaultEvents {
  /** An account's token is another one now. */
  renewed(accountId: string): void
  /** Somebody must log in as this account again. */
  died(accountId: string, reason: DeadReason): void
  /** An account that was dead has a token again. */
  healed(accountId: string): void
}

/** What storing a pair came to; `older`: the vault holds a newer one, and keeps it. */
export type Change = 'first' | 'renewed' | 'healed' | 'older'

/** The vaults in memory, opened, over the store. */
export interface VaultState {
  /** What the account's vault holds; from memory where it was read before. */
  get(accountId: string): Held | undefined
  /** The same, read anew from the store. */
  reread(accountId: string): Held | undefined
  /** Inside a transaction: stores a pair if it replaces what is there. Nobody may use it before `announce`. */
  write(accountId: string, pair: TokenPair, origin: Origin): Change
  /** After the commit: forgets the old and tells what changed. */
  announce(accountId: string, change: Change): void
  /** Drops the account's pair and tells; nothing happens when the generation is another by now. */
  die(accountId: string, generation: number, reason: DeadReason, detail: string): Promise<void>
  /**
   * Runs a transaction that is on the disk when it returns. The first try is made at once; a busy or full store is
   * tried again for a while, because a pair that is not stored is lost. Rejects with the last error.
   */
  commit<T>(work: () => T extends Promise<unknown> ? never : T): Promise<T>
  /** The account's current and previous access token, as far as they are known. */
  secrets(accountId: string): readonly string[]
}

/** Pauses between tries to commit, in milliseconds. */
const COMMIT_PAUSES_MS = [0.25, 0.5, 1, 2, 4].map((seconds) => seconds * SECOND_MS)

/** Most vaults held open in memory; the one that was opened first goes first. */
const MAX_HELD = 10_000

const vaultContext = (accountId: string): string => `vaults.sealed_pair:${accountId}`

/** The vaults of a store. */
export function createVaultState(deps: {
  store: Store
  sealer: Sealer
  clock: Clock
  log: Log
  events: VaultEvents
}): VaultState {
  const { store, sealer, clock, log, events } = deps
  const open = new Map<string, Held>()
  const tokens = new Map<string, readonly string[]>()

  const remember = (accountId: string, token: string) => {
    const [current] = tokens.get(accountId) ?? []
    if (current === token) return
    tokens.delete(accountId)
    tokens.set(accountId, current === undefined ? [token] : [token, current])
    for (const map of [open, tokens]) {
      const [oldest] = map.keys()
      if (map.size > MAX_HELD && oldest !== undefined) map.delete(oldest)
    }
  }

  const contentOf = (row: VaultRow): Held['content'] => {
    if (row.deadAt !== null)
      return { kind: 'dead', reason: (row.deadReason ?? 'lost') as DeadReason }
    const text = row.sealedPair && sealer.open(row.sealedPair, vaultContext(row.accountId))
    // Only said, never stored: with its own key back the pair is as good as before.
    if (!text) return { kind: 'dead', reason: 'key-changed' }
    return { kind: 'pair', ...(JSON.parse(text) as StoredPair) }
  }

  const reread = (accountId: string): Held | undefined => {
    open.delete(accountId)
    const row = store.vaults.get(accountId)
    if (!row) return undefined
    const held = { ...row, content: contentOf(row) }
    open.set(accountId, held)
    if (held.content.kind === 'pair') remember(accountId, held.content.accessToken)
    return held
  }

  const commit: VaultState['commit'] = async (work) => {
    for (const pause of COMMIT_PAUSES_MS) {
      try {
        return store.durably(work)
      } catch (error) {
        log.warn('the store takes no write, trying again', { error })
      }
      await sleep(clock, pause)
    }
    return store.durably(work)
  }

  return {
    get: (accountId) => open.get(accountId) ?? reread(accountId),
    reread,
    commit,

    write(accountId, pair, origin) {
      const row = store.vaults.get(accountId)
      const held = row && { ...row, content: contentOf(row) }
      if (!replaces(held, pair, origin)) return 'older'
      const { accessToken, refreshToken } = pair
      const stored: StoredPair = { accessToken, refreshToken }
      store.vaults.put(accountId, {
        sealedPair: sealer.seal(JSON.stringify(stored), vaultContext(accountId)),
        gnt: pair.gnt ?? null,
        cnt: pair.cnt ?? null,
        obtainedAt: pair.receivedAt,
        ...endsOf(pair),
      })
      if (!held) return 'first'
      if (held.content.kind === 'pair') {
        // A login is told as what it is; a renewal is told here.
        if (typeof origin === 'object')
          store.audit.add(clock.now(), { event: 'vault.renewed', accountId })
        return 'renewed'
      }
      // All that it ended is over for good, also when the broker was stopped before it could say so.
      const { reason } = held.content
      if (reason === 'revoked') endLogins(store, clock.now(), accountId, REVOKED_UPSTREAM)
      store.audit.add(clock.now(), { event: 'vault.healed', accountId })
      return 'healed'
    },

    announce(accountId, change) {
      reread(accountId)
      if (change === 'renewed') events.renewed(accountId)
      if (change === 'healed') events.healed(accountId)
    },

    async die(accountId, generation, reason, detail) {
      const now = clock.now()
      const died = await commit(() => {
        const done = store.vaults.die(now, accountId, generation, reason)
        if (done)
          store.audit.add(now, { event: 'vault.died', accountId, reason: `${reason}: ${detail}` })
        return done
      })
      reread(accountId)
      if (!died) return
      log.warn('an account must log in to Forgejo again', { account_id: accountId, reason, detail })
      events.died(accountId, reason)
    },

    secrets: (accountId) => tokens.get(accountId) ?? [],
  }
}

/** What is sealed in `vaults.sealed_pair`. */
interface StoredPair {
  accessToken: string
  refreshToken: string
}

/** The place of a login's pair: what it is sealed to. */
const loginContext = (ticketHash: string): string => `logins.sealed_pair:${ticketHash}`

/** Seals a pair to the login that it came of. */
export const sealForLogin = (sealer: Sealer, ticketHash: string, pair: TokenPair): Sealed =>
  sealer.seal(JSON.stringify(pair), loginContext(ticketHash))

/** Opens what sealForLogin sealed; undefined with another key. */
export function openForLogin(
  sealer: Sealer,
  ticketHash: string,
  sealed: Sealed,
): TokenPair | undefined {
  const text = sealer.open(sealed, loginContext(ticketHash))
  return text === undefined ? undefined : (JSON.parse(text) as TokenPair)
}
