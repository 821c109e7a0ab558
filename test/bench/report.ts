import { median, type Run, type Scenario } from './measure.ts'
import type { Subject } from './subjects.ts'
import type { Wakes } from './wake.ts'

export const SCENARIOS = {
  one: { era: 'legacy', tool: 'get_issue_by_index', connections: 1, leastBytes: 50 },
  many: { era: 'legacy', tool: 'get_issue_by_index', connections: 16, leastBytes: 50 },
  modern: { era: 'modern', tool: 'get_issue_by_index', connections: 16, leastBytes: 50 },
  large: { era: 'legacy', tool: 'get_file_content', connections: 4, leastBytes: 1 << 20 },
} as const satisfies Record<string, Scenario>

export type Key = keyof typeof SCENARIOS
export const KEYS = Object.keys(SCENARIOS) as Key[]

/** Sessions that are open while the broker's memory is read. */
export const SESSIONS = 8

/** Times the start of a program that the broker was measured over, and the first calls that waited for one. */
export interface Woken {
  readonly program: string
  readonly wakes: Wakes
  /** Whether the target holds for it. */
  readonly judged: boolean
}

/**
 * A subject with what was measured on it, one run per round of each scenario that it serves. The broker comes first,
 * then bare.ts.
 */
export interface Contender {
  readonly subject: Subject
  /** Absent for one that is measured without sessions only. */
  readonly session: string | undefined
  readonly runs: Record<Key, Run[]>
}

/** One target: how far it was met. */
export interface Verdict {
  text: string
  met: boolean
}

type Measure = 'perSecond' | 'p50'

/** How many times the one has what the other has: the median of the rounds, each of which saw the same machine. */
function ratio(a: Contender, b: Contender, key: Key, measure: Measure): number {
  return ratioOf(
    a.runs[key].map((own) => own[measure]),
    b.runs[key].map((other) => other[measure]),
  )
}

const ratioOf = (own: readonly number[], others: readonly number[]): number =>
  median(own.map((value, round) => value / (others[round] ?? Number.NaN)))

const middle = ({ runs }: Contender, key: Key, measure: Measure): number =>
  median(runs[key].map((run) => run[measure]))

const ms = (micros: number): string => (micros / 1000).toFixed(3)

const COLUMNS = [
  'Subject',
  'Runs on',
  '1 connection: p50 / p99 ms',
  '16 connections: calls/s',
  '2026-07-28, 16 connections: calls/s',
  '1 MiB results: calls/s',
]

const table = (head: readonly string[], rows: readonly string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The medians as a Markdown table. */
export function renderTable(contenders: readonly Contender[]): string {
  const perSecond = (it: Contender, key: Key): string =>
    it.runs[key].length > 0 ? middle(it, key, 'perSecond').toFixed(0) : '–'
  const latency = ({ runs: { one } }: Contender, measure: 'p50' | 'p99'): string =>
    ms(median(one.map((run) => run[measure])))
  const rows = contenders.map((it) => [
    it.subject.name,
    it.subject.runtime,
    it.runs.one.length > 0 ? `${latency(it, 'p50')} / ${latency(it, 'p99')}` : '–',
    perSecond(it, 'many'),
    perSecond(it, 'modern'),
    perSecond(it, 'large'),
  ])
  return table(COLUMNS, rows)
}

/** What the first call after a sleep takes, beside the start of the program. */
export const renderWoken = (woken: readonly Woken[]): string =>
  table(
    ['First call after idle, over', 'spawn + initialize: ms', 'session: ms', '2026-07-28: ms'],
    woken.map(({ program, wakes: { legacy, modern, raw } }) => [
      program,
      median(raw).toFixed(1),
      `${median(legacy).toFixed(1)} (× ${ratioOf(legacy, raw).toFixed(2)})`,
      `${median(modern).toFixed(1)} (× ${ratioOf(modern, raw).toFixed(2)})`,
    ]),
  )

export const renderVerdict = ({ text, met }: Verdict): string =>
  `${met ? 'met   ' : 'MISSED'}  ${text}`

/** Holds the broker to its targets; those against peers that could not be had are left out. */
export function judge(
  contenders: readonly Contender[],
  rssMb: number,
  woken: readonly Woken[],
): Verdict[] {
  const [broker, bare, ...peers] = contenders
  if (!broker || !bare) return []
  const verdicts: Verdict[] = []
  const atLeast = (what: string, value: number, target: number) =>
    verdicts.push({ text: `${what}: ${value.toFixed(2)} (≥ ${target})`, met: value >= target })
  const atMost = (what: string, value: number, target: number) =>
    verdicts.push({ text: `${what}: ${value.toFixed(2)} (≤ ${target})`, met: value <= target })
  const worst = (key: Key) =>
    Math.min(
      ...peers
        .filter(({ runs }) => runs[key].length > 0)
        .map((peer) => ratio(broker, peer, key, 'perSecond')),
    )

  if (peers.length > 0) {
    atLeast('16 connections, times the better peer', worst('many'), 7)
    const slowest = Math.max(
      ...peers
        .filter(({ runs }) => runs.one.length > 0)
        .map((peer) => ratio(broker, peer, 'one', 'p50')),
    )
    atMost('1 connection, p50 over the better peer’s', slowest, 0.45)
    atLeast('1 MiB results, times the better peer', worst('large'), 6)
    atLeast('2026-07-28, 16 connections, times the better peer', worst('modern'), 10)
  }
  atLeast('16 connections, of the bare bridge', ratio(broker, bare, 'many', 'perSecond'), 0.8)
  atLeast('1 MiB results, of the bare bridge', ratio(broker, bare, 'large', 'perSecond'), 1)
  atMost(`MB resident with ${SESSIONS} sessions that have served some calls`, rssMb, 90)
  for (const { judged, program, wakes } of woken) {
    if (!judged) continue
    const after = `first call after idle over ${program}, of spawn + initialize`
    atMost(`${after}, session`, ratioOf(wakes.legacy, wakes.raw), 1.2)
    atMost(`${after}, 2026-07-28`, ratioOf(wakes.modern, wakes.raw), 1.2)
  }
  return verdicts
}
