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

/** One server-sent event, field by field. */
export interface SeenEvent {
  id?: string
  event?: string
  retry?: string
  data: string
}

/** Reads the whole events of a text; comments count for nothing. */
export function readEvents(text: string): SeenEvent[] {
  const whole = text.slice(0, text.lastIndexOf('\n\n') + 1)
  const blocks = whole
    .trim()
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
  return blocks.map((block) => {
    const fields = block.split('\n').map((line) => /^(\w+): ?(.*)$/s.exec(line) ?? [])
    const data = fields.flatMap(([, name, value = '']) => (name === 'data' ? [value] : []))
    const others = fields.flatMap(([, name = '', value]) =>
      name === 'data' ? [] : [[name, value]],
    )
    return { ...Object.fromEntries(others), data: data.join('\n') }
  })
}

/** Reads a connection as a client does, all the time. */
export function watch({ body }: { body: ReadableStream<Uint8Array> }) {
  const reader = body.getReader()
  const watched = {
    text: '',
    state: 'open' as 'open' | 'closed' | 'broken',
    /** The client goes away. */
    leave: () => void reader.cancel().catch(() => {}),
    /** What has come so far. */
    async events(): Promise<SeenEvent[]> {
      for (let round = 0; round < 4; round++) await new Promise((resolve) => setImmediate(resolve))
      return readEvents(watched.text)
    },
  }
  void (async () => {
    try {
      const decoder = new TextDecoder()
      for (let read = await reader.read(); !read.done; read = await reader.read())
        watched.text += decoder.decode(read.value, { stream: true })
      watched.state = 'closed'
    } catch {
      watched.state = 'broken'
    }
  })()
  return watched
}
