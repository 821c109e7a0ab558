import { expect, test } from 'bun:test'
import { ALL_RINGS_BYTES, createAllowance, RING_BYTES } from '../../src/mcp/ring.ts'
import { KEPT_UNREAD_MS } from '../../src/mcp/streams.ts'
import { manualClock } from '../fixtures/clock.ts'
import { HOLDER, memoryStreams } from './streams-harness.ts'

const MIB = 1024 * 1024

/** For what the runtime holds besides. */
const SLACK = 8 * MIB

/** Bytes that events hold. */
function held(): number {
  Bun.gc(true)
  return process.memoryUsage().arrayBuffers
}

test('many sessions whose clients read nothing keep so much and no more, and nothing when they stay away', async () => {
  const clock = manualClock()
  const allowance = createAllowance()
  const before = held()
  const sessions = Array.from({ length: 8 }, () => memoryStreams(clock, { allowance }).streams)
  for (const streams of sessions) streams.listen(HOLDER)
  const text = 'x'.repeat(MIB)
  for (let round = 0; round < 48; round++)
    for (const streams of sessions) streams.tell(text) || streams.keep(text)
  expect(held() - before).toBeLessThan(ALL_RINGS_BYTES + SLACK)
  expect(held() - before).toBeGreaterThan(ALL_RINGS_BYTES - RING_BYTES)
  await clock.advance(KEPT_UNREAD_MS)
  for (const streams of sessions) expect(streams.tidy()).toBe(false)
  expect(held() - before).toBeLessThan(SLACK)
  expect(clock.pending).toBe(0)
}, 30_000)
