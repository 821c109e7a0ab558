import { type Clock, MINUTE_MS } from '../../clock.ts'
import { RPC } from '../../errors.ts'
import type { ModernSink } from '../../mcp/modern/exchange.ts'
import type { Outcome } from '../../mcp/modern/outcome.ts'
import { errorText } from '../../mcp/rpc.ts'
import { withId } from '../../mcp/splice.ts'

/** How long an answer can be had again, in ms. */
const KEPT_MS = MINUTE_MS

/** Answers that are kept, and the longest of them in characters. */
const MAX_KEPT = 256
const MAX_CHARS = 256 * 1024

interface Kept {
  until: number
  outcome: Outcome | undefined
  waiting: { idText: string; sink: ModernSink }[]
}

/**
 * Answers to requests that brought a state, for a client that lost its connection and asks the same again. A state
 * is good once: without this its second use would be an error.
 */
export interface Memo {
  /** Answers a request that was seen before; false for a new one. */
  again(key: string, idText: string, sink: ModernSink): boolean
  /** The same sink, and the outcome is kept under the key. `lost` when there will be none. */
  keeping(key: string, idText: string, sink: ModernSink): ModernSink & { lost(): void }
}

/** An empty memo. */
export function createMemo(clock: Clock): Memo {
  const kept = new Map<string, Kept>()

  const tidy = (): void => {
    const now = clock.now()
    for (const [key, { until }] of kept) {
      if (until > now && kept.size <= MAX_KEPT) return
      kept.delete(key)
    }
  }

  return {
    again(key, idText, sink) {
      tidy()
      const known = kept.get(key)
      if (!known) return false
      const { outcome, waiting } = known
      if (outcome) sink.end({ ...outcome, text: withId(outcome.text, idText) })
      else waiting.push({ idText, sink })
      return true
    },
    keeping(key, idText, sink) {
      const entry: Kept = { until: clock.now() + KEPT_MS, outcome: undefined, waiting: [] }
      kept.set(key, entry)
      tidy()
      const settle = (outcome: Outcome): void => {
        entry.until = clock.now() + KEPT_MS
        if (outcome.text.length <= MAX_CHARS) entry.outcome = outcome
        else kept.delete(key)
        for (const { idText: other, sink: to } of entry.waiting.splice(0))
          to.end({ ...outcome, text: withId(outcome.text, other) })
      }
      return {
        message: (text) => sink.message(text),
        end(outcome) {
          sink.end(outcome)
          settle(outcome)
        },
        lost: () =>
          settle({
            status: 200,
            text: errorText(idText, RPC.internalError, 'The call was cancelled', {
              reason: 'cancelled',
            }),
          }),
      }
    },
  }
}
