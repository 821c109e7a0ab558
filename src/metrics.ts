import { Counter, Gauge, Registry } from 'prom-client'

/** Everything the broker counts; rendered as Prometheus text on the metrics listener only. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name: `fjmcp_${name}`, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name: `fjmcp_${name}`, help, labelNames, registers })
  /** A counter for what happens all the time: prom-client is told only when somebody looks. */
  const tally = <L extends string>(name: string, help: string, labelNames: L[]) => {
    const noted = new Map<string, { labels: Record<L, string>; count: number }>()
    let last: { labels: Record<L, string>; count: number } | undefined
    const total: Counter<L> = new Counter<L>({
      name: `fjmcp_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        for (const each of noted.values()) total.inc(each.labels, each.count)
        noted.clear()
        last = undefined
      },
    })
    const differs = (a: Record<L, string>, b: Record<L, string>): boolean => {
      for (const label of labelNames) if (a[label] !== b[label]) return true
      return false
    }
    return {
      inc(labels: Record<L, string>): void {
        // Mostly the same as last time.
        if (!last || differs(labels, last.labels)) {
          const key = labelNames.map((label) => labels[label]).join(' ')
          last = noted.get(key) ?? { labels, count: 0 }
          noted.set(key, last)
        }
        last.count++
      },
      get: () => total.get(),
    }
  }
  /** A gauge for what is counted when somebody looks; `source` gives the value of each label. */
  const census = (name: string, help: string, label: string) => {
    let source = (): ReadonlyMap<string, number> => new Map()
    const counted: Gauge<string> = new Gauge({
      name: `fjmcp_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        counted.reset()
        for (const [value, count] of source()) counted.set({ [label]: value }, count)
      },
    })
    return {
      from(counter: typeof source): void {
        source = counter
      },
    }
  }
  return {
    registry,
    requests: tally('mcp_requests_total', 'Requests on /mcp by method and status.', [
      'method',
      'status',
    ]),
    calls: tally('calls_total', 'JSON-RPC requests sent to a child, by outcome.', ['outcome']),
    childrenStarted: counter('children_started_total', 'Children started, by reason.', ['reason']),
    childrenEnded: counter('children_ended_total', 'Children ended, by reason.', ['reason']),
    childNoise: counter(
      'child_stdout_noise_total',
      'Lines of a child that were not JSON and were dropped.',
    ),
    children: gauge('children', 'Children running now.'),
    poolChildren: census(
      'pool_children',
      'Children that serve stateless clients, by state.',
      'state',
    ),
    sessions: gauge('sessions', 'Sessions by state.', ['state']),
    sessionsEnded: counter('sessions_ended_total', 'Sessions ended, by reason.', ['reason']),
    refreshes: counter(
      'forgejo_refreshes_total',
      'Refreshes of upstream credentials, by outcome.',
      ['outcome'],
    ),
    relayed: counter('relay_requests_total', 'Requests relayed to Forgejo, by status class.', [
      'class',
    ]),
    tokens: counter('tokens_issued_total', 'Access tokens issued, by grant type.', ['grant_type']),
    refusals: counter('oauth_refusals_total', 'OAuth refusals, by code.', ['code']),
    rateLimited: counter('rate_limited_total', 'Requests refused by the rate limit, by route.', [
      'route',
    ]),
  }
}

export type Metrics = ReturnType<typeof createMetrics>
