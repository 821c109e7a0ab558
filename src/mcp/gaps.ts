/** Runs that are told apart; beyond it the oldest two become one. */
const MAX_RUNS = 512

/** Numbers of events that are no longer kept. */
export interface Gaps {
  add(n: number): void
  /** How many come after number `n`. */
  after(n: number): number
}

/** Keeps runs of neighbours instead of each number: a busy stream is one run however much it says. */
export function createGaps(): Gaps {
  const runs: { from: number; to: number }[] = []
  return {
    add(n) {
      let at = runs.length
      while (at > 0 && (runs[at - 1]?.from ?? 0) > n) at--
      const before = runs[at - 1]
      if (before && before.to >= n - 1) before.to = Math.max(before.to, n)
      else runs.splice(at, 0, { from: n, to: n })
      const [first, second] = runs
      if (runs.length <= MAX_RUNS || !first || !second) return
      // What lay between them is counted as well: too many rather than too few.
      second.from = first.from
      runs.shift()
    },
    after: (n) =>
      runs.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from - 1, n)), 0),
  }
}
