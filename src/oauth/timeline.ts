import type { AuditRow } from '../store/audit.ts'
import type { AuditName } from '../store/audit-events.ts'

/** How an event matters to the person whose connection it is about. */
type Weight = 'routine' | 'notable' | 'failure'

/** The events that a connection's timeline tells; what is untold is for operators, or said by another event. */
const WEIGHTS = {
  'login.completed': 'notable',
  'login.failed': 'failure',
  'token.refreshed': 'routine',
  'token.refused': 'failure',
  'token.reused': 'failure',
  'code.reused': 'failure',
  'family.revoked': 'notable',
  'grant.revoked': 'notable',
  'grant.changed': 'notable',
  'account.ended': 'failure',
  'session.created': 'routine',
  'session.slept': 'routine',
  'session.woke': 'routine',
  'session.ended': 'routine',
  'session.wake-failed': 'failure',
  'session.foreign': 'failure',
  'state.refused': 'failure',
  'child.start-failed': 'failure',
  'scope.refused': 'failure',
  'vault.renewed': 'routine',
  'vault.healed': 'notable',
  'vault.died': 'failure',
  'child.crashed': 'notable',
  'breaker.opened': 'failure',
  'client.registered': 'untold',
  'client.revoked': 'untold',
  'forgejo.refused': 'untold',
  'login.denied': 'untold',
  'login.started': 'untold',
  'page.refused': 'untold',
  'page.signed-in': 'untold',
  'page.signed-out': 'untold',
  'relay.pass_refused': 'untold',
  'token.issued': 'untold',
} as const satisfies Record<AuditName, Weight | 'untold'>

/** An event that a timeline tells. */
export type ToldEvent = {
  [Name in AuditName]: (typeof WEIGHTS)[Name] extends 'untold' ? never : Name
}[AuditName]

const weights = new Map<string, Weight | 'untold'>(Object.entries(WEIGHTS))

/** Whether a timeline tells this event; those of a newer version, read by an older one, are not known. */
export const isTold = (event: string): event is ToldEvent =>
  (weights.get(event) ?? 'untold') !== 'untold'

/** One thing that happened, `times` over. */
export interface Happened {
  event: ToldEvent
  reason: string | null
  times: number
}

/** One line of a timeline: a single thing, or a run of everyday ones. Times are epoch ms. */
export interface Moment {
  /** The last and the first of it. */
  at: number
  since: number
  failure: boolean
  happened: readonly Happened[]
}

interface Run {
  at: number
  since: number
  weight: Weight
  happened: Happened[]
}

/** Whether this row joins the run: everyday things do, and the very same thing once more. */
function joins(run: Run, weight: Weight, row: AuditRow): boolean {
  if (run.weight !== weight) return false
  if (weight === 'routine') return true
  const [last] = run.happened
  return last?.event === row.event && last.reason === row.reason
}

/** Turns a connection's audit rows, newest first, into at most `limit` lines, newest first. */
export function timeline(rows: readonly AuditRow[], limit: number): Moment[] {
  const runs: Run[] = []
  for (const row of rows) {
    const { at, event, reason } = row
    if (!isTold(event)) continue
    const weight: Weight = WEIGHTS[event]
    let run = runs.at(-1)
    if (!run || !joins(run, weight, row)) {
      if (runs.length === limit) break
      run = { at, since: at, weight, happened: [] }
      runs.push(run)
    }
    run.since = at
    const same = run.happened.find((one) => one.event === event && one.reason === reason)
    if (same) same.times += 1
    else run.happened.push({ event, reason, times: 1 })
  }
  return runs.map(({ weight, ...run }) => ({ ...run, failure: weight === 'failure' }))
}

/** The last thing that went wrong. */
export interface Failure {
  event: ToldEvent
  reason: string | null
  /** Epoch ms. */
  at: number
  /** Whether the client has worked again since. */
  over: boolean
}

/** Events after which it is known that a client gets through again. */
const WORKS = new Set(['login.completed', 'token.refreshed', 'session.created', 'session.woke'])

/** The last failure among a connection's audit rows, newest first; undefined when there is none. */
export function lastFailure(rows: readonly AuditRow[]): Failure | undefined {
  const at = rows.findIndex(({ event }) => weights.get(event) === 'failure')
  const row = rows[at]
  if (!row || !isTold(row.event)) return undefined
  const over = rows.slice(0, at).some(({ event }) => WORKS.has(event) || event === 'vault.healed')
  return { event: row.event, reason: row.reason, at: row.at, over }
}

/** Events that end a login of a client, or all of them. */
const ENDS = new Set(['family.revoked', 'account.ended'])

/** Why a client's last login ended, among a connection's audit rows, newest first; undefined when none was ended. */
export const lastEnd = (rows: readonly AuditRow[]): string | undefined =>
  rows.find(({ event }) => ENDS.has(event))?.reason ?? undefined
