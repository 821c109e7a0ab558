import type { Clock } from '../clock.ts'
import type { Sealer, TokenHash } from '../crypto.ts'
import type { TokenPair } from '../forgejo/outcome.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/open.ts'
import { eachLimited } from './limited.ts'
import type { Held } from './vault-rules.ts'
import { openForLogin, sealForLogin, type VaultState } from './vault-state.ts'

/** Pairs that Forgejo is asked about at once. */
const WIDTH = 4

/**
 * The pairs of logins that were interrupted after Forgejo had given its tokens: those tokens have killed the older
 * ones of their user, so they must reach the vault of that user if there is one.
 */
export interface Stranded {
  /** Keeps a pair with its login, sealed and on the disk, until its user is known. */
  keep(ticketHash: TokenHash, pair: TokenPair): Promise<void>
  /** Asks Forgejo whose pair this login's is, and stores it there; it is dropped when nobody has such an account. */
  adopt(ticketHash: TokenHash, pair: TokenPair): Promise<void>
  /** Adopts every pair whose login is not under way. */
  adoptAll(): Promise<void>
  /** Stores the newest pair of the same Forgejo grant in the account's vault; false when none is newer than its own. */
  rescue(accountId: string, held: Pick<Held, 'gnt'>): Promise<boolean>
  /** Keeps adoptAll away from a login while it is under way. */
  during<T>(ticketHash: TokenHash, work: () => Promise<T>): Promise<T>
}

/** The interrupted logins of a store. */
export function createStranded(deps: {
  store: Store
  state: VaultState
  upstream: Pick<Upstream, 'userinfo'>
  sealer: Sealer
  clock: Clock
  log: Log
}): Stranded {
  const { store, state, upstream, sealer, clock, log } = deps
  const underWay = new Set<TokenHash>()

  const move = async (ticketHash: TokenHash, accountId: string, pair: TokenPair) => {
    const change = await state.commit(() => {
      store.vaults.unstrand(ticketHash)
      return state.write(accountId, pair, 'stranded')
    })
    state.announce(accountId, change)
    return change !== 'older'
  }

  const pairs = () =>
    store.vaults.listStranded().flatMap(({ ticketHash, sealedPair }) => {
      const pair = openForLogin(sealer, ticketHash, sealedPair)
      return pair ? [{ ticketHash, pair }] : []
    })

  const adopt = async (ticketHash: TokenHash, pair: TokenPair) => {
    const user = await upstream.userinfo(pair.accessToken)
    // Whatever it is, it may pass; the pair goes when the janitor takes its login.
    if (!user.ok) return
    const account = store.accounts.findBySub(user.value.sub)
    if (!account) {
      store.vaults.unstrand(ticketHash)
      return
    }
    if (await move(ticketHash, account.id, pair))
      log.info('the tokens of an interrupted login were kept', { account_id: account.id })
  }

  return {
    adopt,

    async keep(ticketHash, pair) {
      const sealed = sealForLogin(sealer, ticketHash, pair)
      const kept = await state.commit(() => store.vaults.strand(clock.now(), ticketHash, sealed))
      if (!kept) log.warn('a login is gone before its tokens came')
    },

    async adoptAll() {
      const waiting = pairs().filter(({ ticketHash }) => !underWay.has(ticketHash))
      await eachLimited(waiting, WIDTH, ({ ticketHash, pair }) => adopt(ticketHash, pair))
    },

    async rescue(accountId, held) {
      let newest: { ticketHash: TokenHash; pair: TokenPair } | undefined
      for (const each of pairs()) {
        const { gnt, cnt = -1 } = each.pair
        if (gnt !== undefined && gnt === held.gnt && cnt > (newest?.pair.cnt ?? -1)) newest = each
      }
      return newest !== undefined && (await move(newest.ticketHash, accountId, newest.pair))
    },

    async during(ticketHash, work) {
      underWay.add(ticketHash)
      try {
        return await work()
      } finally {
        underWay.delete(ticketHash)
      }
    },
  }
}
