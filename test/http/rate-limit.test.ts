import { expect, test } from 'bun:test'
import { createRateLimit } from '../../src/http/rate-limit.ts'
import { manualClock } from '../fixtures/clock.ts'

test('a bucket refills with time, up to its burst', async () => {
  const clock = manualClock()
  const take = createRateLimit(clock, { burst: 3, perSecond: 2 })
  const passed = (count: number) => Array.from({ length: count }, () => take('a') === 0)
  expect(passed(4)).toEqual([true, true, true, false])
  await clock.advance(500)
  expect(passed(2)).toEqual([true, false])
  await clock.advance(3_600_000)
  expect(passed(4)).toEqual([true, true, true, false])
})

test('a refusal says in how many seconds a request may pass, and costs nothing', async () => {
  const clock = manualClock()
  const take = createRateLimit(clock, { burst: 1, perSecond: 0.1 })
  expect(take('a')).toBe(0)
  expect(take('a')).toBe(10)
  await clock.advance(9_000)
  expect(take('a')).toBe(1)
  await clock.advance(1_000)
  expect(take('a')).toBe(0)
})

test('clients do not share a bucket', () => {
  const take = createRateLimit(manualClock(), { burst: 1, perSecond: 1 })
  expect([take('a'), take('b'), take('a')]).toEqual([0, 0, 1])
})

test('a clock that is put back gives nothing away and takes nothing', () => {
  const clock = manualClock()
  const take = createRateLimit(clock, { burst: 2, perSecond: 1 })
  take('a')
  clock.set(0)
  expect([take('a'), take('a')]).toEqual([0, 1])
})

test('remembers a bounded number of clients and forgets the one that was quiet longest', () => {
  const take = createRateLimit(manualClock(), { burst: 1, perSecond: 1 })
  take('quiet')
  take('busy')
  for (let n = 0; n < 9_999; n++) {
    take(`client ${n}`)
    take('busy')
  }
  expect(take('busy')).toBe(1)
  expect(take('quiet')).toBe(0)
})
