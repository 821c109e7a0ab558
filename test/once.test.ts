import { expect, test } from 'bun:test'
import { createOnce } from '../src/once.ts'
import { manualClock } from './fixtures/clock.ts'

test('a key is new once in each window', async () => {
  const clock = manualClock()
  const once = createOnce(clock, 1_000)
  expect([once.first('a'), once.first('a'), once.first('b')]).toEqual([true, false, true])
  await clock.advance(999)
  expect(once.first('a')).toBe(false)
  await clock.advance(1)
  expect([once.first('a'), once.first('a')]).toEqual([true, false])
})

test('many keys take bounded room: the earliest is forgotten first', () => {
  const once = createOnce(manualClock(), 1_000)
  for (let at = 0; at <= 10_000; at += 1) once.first(`key ${at}`)
  expect(once.first('key 10000')).toBe(false)
  expect(once.first('key 0')).toBe(true)
})
