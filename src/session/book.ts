import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { TokenHash } from '../crypto.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/sessions.ts'
import type { Seat } from './seat.ts'
import { LiveSession, type SessionDeps } from './session.ts'
import type { Idle } from './slots.ts'

/** What ended a session, as the metrics count it. */
export type EndCause = 'deleted' | 'revoked' | 'operator' | 'disuse' | 'mismatch'

/** Every living session: those in memory, and the rows that any of them can be had from. */
export interface Book {
  /** A session that has not ended and is not expired, from memory or from its row. */
  find(hash: TokenHash): LiveSession | undefined
  add(row: SessionRow): LiveSession
  /** Ends a session for good: its calls fail, its children stop, its row says why. False when it was no living one. */
  end(hash: TokenHash, cause: EndCause, reason: string): boolean
  /** Ends again what could not be written when it ended. */
  settle(): void
  /** Forgets a session that sleeps; its row stays. */
  drop(hash: TokenHash): void
  /** The sessions in memory, of one account or of all. */
  living(accountId?: string): Iterable<LiveSession>
  /** Their seats. */
  seats(accountId?: string): Iterable<Seat>
  /** The children that could be put to sleep now. */
  idle(): Iterable<Idle>
}

export interface BookDeps {
  store: Store
  config: Pick<Config, 'sessionMaxAgeMs'>
  clock: Clock
  log: Log
  metrics: Metrics
  session: Omit<SessionDeps, 'again' | 'mismatched'>
}

/** The book over a store. An end that cannot be written now counts at once and is written by a later `settle`. */
export function createBook(deps: BookDeps): Book {
  const { clock, config, log, metrics, store } = deps
  const sessions = new Map<TokenHash, LiveSession>()
  const unsettled = new Map<TokenHash, { cause: EndCause; reason: string }>()

  const isOver = (row: SessionRow, now = clock.now()) =>
    row.endedAt !== null ||
    row.closeRequestedAt !== null ||
    (config.sessionMaxAgeMs > 0 && row.lastUsedAt + config.sessionMaxAgeMs <= now)

  const record = (row: SessionRow, cause: EndCause, reason: string): boolean =>
    store.transaction(() => {
      const now = clock.now()
      if (!store.sessions.end(now, row.idHash, reason)) return false
      store.exchanges.clear(row.idHash)
      store.audit.add(now, {
        event: 'session.ended',
        accountId: row.accountId,
        clientId: row.clientId,
        familyId: row.familyId,
        sessionHash: row.idHash,
        reason: `${cause}: ${reason}`,
      })
      return true
    })

  const sessionDeps: SessionDeps = {
    ...deps.session,
    mismatched: (hash, reason) => void end(hash, 'mismatch', reason),
    again: find,
  }

  function add(row: SessionRow): LiveSession {
    const session = new LiveSession(row, sessionDeps)
    sessions.set(row.idHash, session)
    return session
  }

  function find(hash: TokenHash): LiveSession | undefined {
    const known = sessions.get(hash)
    if (known) {
      known.foundAt = clock.now()
      return isOver(known.row, known.foundAt) ? undefined : known
    }
    if (unsettled.has(hash)) return undefined
    const row = store.sessions.get(hash)
    return row && !isOver(row) ? add(row) : undefined
  }

  function end(hash: TokenHash, cause: EndCause, reason: string): boolean {
    const session = sessions.get(hash)
    const row = session?.row ?? store.sessions.get(hash)
    sessions.delete(hash)
    void session?.close()
    if (!row) return false
    try {
      unsettled.delete(hash)
      if (!record(row, cause, reason)) return false
    } catch (error) {
      // A foreign writer holds the store. For its client the session has ended all the same.
      log.warn('end of a session could not be written', { account: row.accountId, error })
      unsettled.set(hash, { cause, reason })
      return true
    }
    metrics.sessionsEnded.inc({ reason: cause })
    log.info('session ended', { account: row.accountId, cause, reason })
    return true
  }

  function* living(accountId?: string) {
    for (const session of sessions.values())
      if (accountId === undefined || session.row.accountId === accountId) yield session
  }

  function* seats(accountId?: string) {
    for (const session of living(accountId)) yield* session.seats
  }

  return {
    find,
    add,
    end,
    settle() {
      for (const [hash, { cause, reason }] of [...unsettled]) end(hash, cause, reason)
    },
    drop(hash) {
      sessions.get(hash)?.drop()
      sessions.delete(hash)
    },
    living,
    seats,
    *idle() {
      for (const seat of seats()) {
        const { current, idleSince } = seat
        if (!current || idleSince === undefined) continue
        yield {
          accountId: current.accountId,
          since: idleSince,
          yield() {
            current.giveWay()
            return seat.sleep()
          },
        }
      }
    },
  }
}
