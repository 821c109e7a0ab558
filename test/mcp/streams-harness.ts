import { createAllowance } from '../../src/mcp/ring.ts'
import { createSessionStreams, type StreamsOptions } from '../../src/mcp/streams.ts'
import type { ManualClock } from '../fixtures/clock.ts'

export const HOLDER = { familyId: 'family' }

/** The streams of one session, with their rows in memory. `rows` given again is what a restart leaves. */
export function memoryStreams(
  clock: ManualClock,
  options: Partial<StreamsOptions> & { rows?: Map<number, readonly string[] | undefined> } = {},
) {
  const rows = options.rows ?? new Map<number, readonly string[] | undefined>()
  let last = Math.max(0, ...rows.keys())
  const streams = createSessionStreams({
    clock,
    allowance: createAllowance(),
    primed: true,
    nextNumber: () => ++last,
    ledger: {
      opened: (stream, ids) => void rows.set(stream, ids),
      closed: (stream) => void rows.delete(stream),
      find: (stream) => (rows.has(stream) ? { ids: rows.get(stream) } : undefined),
    },
    ...options,
  })
  return { streams, rows }
}
