import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { TokenHash } from '../crypto.ts'
import type { TokenPair, UpstreamFailure } from '../forgejo/outcome.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import { err, ok, type Result } from '../result.ts'
import { missingScopes } from '../scopes.ts'
import type { Store } from '../store/open.ts'
import { isAllowed } from './allowed.ts'
import type { LoggedIn, LoginFailure } from './credential.ts'
import type { Alarm } from './vault-alarm.ts'
import type { Lane } from './vault-lane.ts'
import type { VaultState } from './vault-state.ts'
import type { Stranded } from './vault-stranded.ts'

export interface LoginInput {
  /** The login that waits for this code: it keeps the pair until the user is known. */
  ticketHash: TokenHash
  code: string
  verifier: string
}

export interface LoginDeps {
  store: Store
  state: VaultState
  stranded: Stranded
  upstream: Pick<Upstream, 'exchange' | 'userinfo' | 'introspect'>
  lane: Lane
  alarm: Alarm
  clock: Clock
  log: Log
  config: Pick<Config, 'allowedUsers' | 'forgejoScopes'>
}

type Known = Omit<LoggedIn, 'missingScopes'> & { accessToken: string }

/**
 * A login at Forgejo, from its code to the stored pair. Alone in the lane until the pair is in its vault, because the
 * exchange kills the user's older refresh token and only userinfo tells whose that was.
 */
export async function logIn(
  deps: LoginDeps,
  input: LoginInput,
): Promise<Result<LoggedIn, LoginFailure>> {
  const known = await deps.stranded.during(input.ticketHash, () =>
    deps.lane.exclusive(() => exchange(deps, input)),
  )
  if (!known.ok) return known
  const { accessToken, ...user } = known.value
  return ok({ ...user, missingScopes: await compareScopes(deps, user.accountId, accessToken) })
}

async function exchange(
  deps: LoginDeps,
  { ticketHash, code, verifier }: LoginInput,
): Promise<Result<Known, LoginFailure>> {
  const { upstream, stranded, alarm, log } = deps
  const keepLate = async (pair: TokenPair) => {
    await stranded.keep(ticketHash, pair)
    await stranded.adopt(ticketHash, pair)
  }
  const outcome = await upstream.exchange(code, verifier, (late) => {
    if (late.ok)
      keepLate(late.value).catch((error) => log.error('late tokens could not be kept', { error }))
  })
  if (!outcome.ok) return failure(deps, outcome.error)
  alarm.clear()
  const pair = outcome.value
  await stranded.keep(ticketHash, pair)
  const user = await upstream.userinfo(pair.accessToken)
  if (!user.ok) return failure(deps, user.error)
  return store(deps, ticketHash, pair, user.value)
}

/** Puts the pair into the vault of its user. A user who is not let in gets no account and leaves no tokens here. */
async function store(
  { store, state, config, clock }: LoginDeps,
  ticketHash: TokenHash,
  pair: TokenPair,
  { sub, login }: { sub: string; login: string },
): Promise<Result<Known, LoginFailure>> {
  if (!isAllowed(config.allowedUsers, { sub, login })) {
    store.vaults.unstrand(ticketHash)
    return err({ kind: 'not-allowed', login, reason: `${login} (sub:${sub}) is not on the list` })
  }
  const { accountId, change } = await state.commit(() => {
    const account = store.accounts.loggedIn(clock.now(), { sub, login })
    store.vaults.unstrand(ticketHash)
    return { accountId: account.id, change: state.write(account.id, pair, 'login') }
  })
  state.announce(accountId, change)
  return ok({ accountId, sub, login, accessToken: pair.accessToken })
}

/**
 * The configured scopes that Forgejo did not grant: it keeps the scope of an older grant without a word
 * (forgejo.md A4). None when it cannot be asked: then a tool's own 403 will tell.
 */
async function compareScopes(
  { store, state, upstream, config, log }: LoginDeps,
  accountId: string,
  accessToken: string,
): Promise<string[]> {
  const granted = await upstream.introspect(accessToken)
  if (!granted.ok) {
    log.warn('forgejo did not say which scopes it granted', { detail: granted.error.detail })
    return []
  }
  const { scopes } = granted.value
  const held = state.get(accountId)
  if (held) store.vaults.setScopes(accountId, held.generation, scopes)
  return missingScopes(scopes, config.forgejoScopes)
}

function failure(deps: LoginDeps, error: UpstreamFailure): Result<never, LoginFailure> {
  const { kind, detail: reason } = error
  if (kind === 'operator') deps.alarm.raise(reason)
  return err({ kind, reason })
}
