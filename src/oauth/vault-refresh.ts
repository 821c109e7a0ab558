import { type Clock, SECOND_MS } from '../clock.ts'
import { randomFraction } from '../crypto.ts'
import type { TokenPair, UpstreamFailure } from '../forgejo/outcome.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Result } from '../result.ts'
import type { Store } from '../store/open.ts'
import type { FailedTry } from '../store/vaults.ts'
import type { Alarm } from './vault-alarm.ts'
import type { Lane } from './vault-lane.ts'
import { backoffMs, type Held, OPERATOR_MARK } from './vault-rules.ts'
import type { VaultState } from './vault-state.ts'
import type { Stranded } from './vault-stranded.ts'

/** How long after it was sent an unanswered refresh counts as lost, in milliseconds. */
export const LOST_AFTER_MS = 60 * SECOND_MS

/** One refresh at a time per account, shared by all who wait for it. */
export interface Refresher {
  /** Joins the account's refresh, or begins it. Never rejects; what came of it is in the vault state. */
  refresh(accountId: string): Promise<void>
  /** Whether one is under way. */
  isBusy(accountId: string): boolean
}

/** One refresh that was sent: with which generation, and when (epoch ms). */
interface Sent {
  accountId: string
  generation: number
  at: number
}

/** A refresher over the vault state. */
export function createRefresher(deps: {
  store: Store
  state: VaultState
  stranded: Pick<Stranded, 'rescue'>
  upstream: Pick<Upstream, 'refresh'>
  lane: Lane
  alarm: Alarm
  clock: Clock
  log: Log
  metrics: Metrics
}): Refresher {
  const { store, state, stranded, upstream, lane, alarm, clock, log, metrics } = deps
  const flights = new Map<string, Promise<void>>()
  const failed = (accountId: string, error: unknown) =>
    log.error('a refresh could not be stored', { account_id: accountId, error })

  /** The living content of the generation that was meant to be refreshed; undefined when that is over. */
  const current = (accountId: string, generation: number) => {
    const held = state.reread(accountId)
    if (held?.generation !== generation || held.content.kind !== 'pair') return undefined
    return { ...held, content: held.content }
  }

  /** Writes the attempt down, sends it and settles it; says whether to repeat it at once. */
  const attempt = async (accountId: string, generation: number): Promise<boolean> => {
    const held = current(accountId, generation)
    if (!held) return false
    const sent: Sent = { accountId, generation, at: clock.now() }
    const recorded = await state.commit(() =>
      store.vaults.recordAttempt(sent.at, accountId, generation),
    )
    if (!recorded) return false
    const outcome = await upstream.refresh(held.content.refreshToken, (late) => {
      settle(sent, late, true).catch((error) => failed(accountId, error))
    })
    return settle(sent, outcome, false)
  }

  const settle = async (
    sent: Sent,
    outcome: Result<TokenPair, UpstreamFailure>,
    late: boolean,
  ): Promise<boolean> => {
    metrics.refreshes.inc({ outcome: outcome.ok ? 'ok' : outcome.error.kind })
    if (outcome.ok) {
      const { accountId, generation } = sent
      const change = await state.commit(() =>
        state.write(accountId, outcome.value, { refreshOf: generation }),
      )
      alarm.clear()
      state.announce(accountId, change)
      return false
    }
    const held = current(sent.accountId, sent.generation)
    // A later attempt, a login or a late answer has gone past this one: its failure says nothing any more.
    if (held?.attemptAt !== sent.at) return false
    switch (outcome.error.kind) {
      case 'again':
        await refused(sent, held, outcome.error)
        return false
      case 'operator':
        alarm.raise(outcome.error.detail)
        recordFailure(sent, held, { failure: OPERATOR_MARK + outcome.error.detail })
        return false
      case 'account':
        recordFailure(sent, held, { failure: outcome.error.detail })
        return false
      case 'later':
        return postpone(sent, held, outcome.error, late)
    }
  }

  const recordFailure = (sent: Sent, held: Held, tried: Partial<FailedTry>) => {
    const retryAt = clock.now() + backoffMs(held.failures + 1, randomFraction())
    store.vaults.recordFailure(sent.accountId, sent.generation, {
      failure: 'Forgejo gave no tokens',
      retryAt,
      pending: false,
      ...tried,
    })
    state.reread(sent.accountId)
  }

  /**
   * Forgejo will have none of this refresh token. Unless the user took the grant away, a login that was interrupted
   * may have moved the grant's counter: then its pair is the one that counts.
   */
  const refused = async (
    sent: Sent,
    held: Held,
    failure: Extract<UpstreamFailure, { kind: 'again' }>,
  ): Promise<void> => {
    const { accountId, generation } = sent
    const { reason, detail } = failure
    if (reason !== 'revoked' && (await stranded.rescue(accountId, held))) return
    const interrupted = held.attempts > 0 || held.failures > 0
    const dead =
      reason === 'revoked'
        ? 'revoked'
        : reason !== 'superseded'
          ? 'expired'
          : interrupted
            ? 'lost'
            : 'superseded'
    await state.die(accountId, generation, dead, detail)
  }

  /** Nothing came of it for now. Says whether to repeat at once: only an attempt that is known lost, and only once. */
  const postpone = (
    sent: Sent,
    held: Held,
    failure: Extract<UpstreamFailure, { kind: 'later' }>,
    late: boolean,
  ): boolean => {
    const { detail, retryAfterMs, outcome } = failure
    log.warn('forgejo gave no new tokens', { account_id: sent.accountId, detail })
    if (outcome === 'pending') {
      recordFailure(sent, held, {
        failure: detail,
        retryAt: sent.at + LOST_AFTER_MS,
        pending: true,
      })
      return false
    }
    if (outcome === 'lost' && held.attempts === 0) {
      if (late) recordFailure(sent, held, { failure: detail, retryAt: clock.now(), pending: true })
      return !late
    }
    const pause = backoffMs(held.failures + 1, randomFraction(), retryAfterMs)
    recordFailure(sent, held, { failure: detail, retryAt: clock.now() + pause })
    return false
  }

  const run = async (accountId: string, generation: number): Promise<void> => {
    while (await attempt(accountId, generation));
  }

  return {
    isBusy: (accountId) => flights.has(accountId),

    refresh(accountId) {
      const running = flights.get(accountId)
      if (running) return running
      const generation = state.get(accountId)?.generation
      if (generation === undefined) return Promise.resolve()
      const flight = lane
        .shared(() => run(accountId, generation))
        .catch((error) => failed(accountId, error))
        .finally(() => flights.delete(accountId))
      flights.set(accountId, flight)
      return flight
    },
  }
}
