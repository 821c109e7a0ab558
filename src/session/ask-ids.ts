import { type Clock, SECOND_MS } from '../clock.ts'

/** Ids of the broker's questions to clients stay within 32 bits, and differ between two runs of the broker. */
const BASE_RANGE = 1_000_000
const IDS_PER_BASE = 1_000

/** Ids for what the children of one session ask its client. */
export function createAskIds(clock: Clock): () => number {
  let last = (Math.floor(clock.now() / SECOND_MS) % BASE_RANGE) * IDS_PER_BASE
  return () => ++last
}
