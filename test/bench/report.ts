import { median, type Run, type Scenario } from './measure.ts'
import type { Subject } from './subjects.ts'

export const SCENARIOS = {
  one: { tool: 'get_issue_by_index', connections: 1, leastBytes: 50 },
  many: { tool: 'get_issue_by_index', connections: 16, leastBytes: 50 },
  large: { tool: 'get_file_content', connections: 4, leastBytes: 1 << 20 },
} as const satisfies Record<string, Scenario>

export type Key = keyof typeof SCENARIOS
export const KEYS = Object.keys(SCENARIOS) as Key[]

/** Sessions that are open while the broker's memory is read. */
export const SESSIONS = 8

/** A subject with what was measured on it, one run of each scenario per round. The broker comes first, then bare.ts. */
export interface Contender {
  readonly subject: Subject
  readonly session: string
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
  const others = b.runs[key]
  return median(a.runs[key].map((own, round) => own[measure] / (others[round]?.[measure] ?? 0)))
}

const middle = ({ runs }: Contender, key: Key, measure: Measure): number =>
  median(runs[key].map((run) => run[measure]))

const ms = (micros: number): string => (micros / 1000).toFixed(3)

const COLUMNS = [
  'Subject',
  'Runs on',
  '1 connection: p50 / p99 ms',
  '16 connections: calls/s',
  '1 MiB results: calls/s',
]

/** The medians as a Markdown table. */
export function renderTable(contenders: readonly Contender[]): string {
  const rows = contenders.map((it) => [
    it.subject.name,
    it.subject.runtime,
    `${ms(middle(it, 'one', 'p50'))} / ${ms(median(it.runs.one.map(({ p99 }) => p99)))}`,
    middle(it, 'many', 'perSecond').toFixed(0),
    middle(it, 'large', 'perSecond').toFixed(0),
  ])
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(COLUMNS), line(COLUMNS.map(() => '---')), ...rows.map(line)].join('\n')
}

export const renderVerdict = ({ text, met }: Verdict): string =>
  `${met ? 'met   ' : 'MISSED'}  ${text}`

/** Holds the broker to its targets; those against peers that could not be had are left out. */
export function judge(contenders: readonly Contender[], rssMb: number): Verdict[] {
  const [broker, bare, ...peers] = contenders
  if (!broker || !bare) return []
  const verdicts: Verdict[] = []
  const atLeast = (what: string, value: number, target: number) =>
    verdicts.push({ text: `${what}: ${value.toFixed(2)} (≥ ${target})`, met: value >= target })
  const atMost = (what: string, value: number, target: number) =>
    verdicts.push({ text: `${what}: ${value.toFixed(2)} (≤ ${target})`, met: value <= target })
  const worst = (key: Key) =>
    Math.min(...peers.map((peer) => ratio(broker, peer, key, 'perSecond')))

  if (peers.length > 0) {
    atLeast('16 connections, times the better peer', worst('many'), 7)
    const slowest = Math.max(...peers.map((peer) => ratio(broker, peer, 'one', 'p50')))
    atMost('1 connection, p50 over the better peer’s', slowest, 0.45)
    atLeast('1 MiB results, times the better peer', worst('large'), 6)
  }
  atLeast('16 connections, of the bare bridge', ratio(broker, bare, 'many', 'perSecond'), 0.8)
  atLeast('1 MiB results, of the bare bridge', ratio(broker, bare, 'large', 'perSecond'), 1)
  atMost(`MB resident with ${SESSIONS} sessions that have served some calls`, rssMb, 90)
  return verdicts
}
