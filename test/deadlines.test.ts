import { describe, expect, setSystemTime, test } from 'bun:test'
import { systemClock } from '../src/clock.ts'
import { Deadlines, type Due } from '../src/deadlines.ts'
import { manualClock } from './fixtures/clock.ts'

const MS = 1000

function setUp() {
  const clock = manualClock()
  const list = new Deadlines(clock, MS)
  const expired: string[] = []
  const item = (name: string, then = () => {}): Due => ({
    due: 0,
    before: undefined,
    after: undefined,
    expire() {
      expired.push(name)
      then()
    },
  })
  return { clock, list, expired, item }
}

describe('deadlines of one length', () => {
  test('pass each at its own time, with one timer for all', async () => {
    const { clock, list, expired, item } = setUp()
    list.add(item('a'))
    await clock.advance(400)
    list.add(item('b'))
    list.add(item('c'))
    expect(clock.pending).toBe(1)
    await clock.advance(599)
    expect(expired).toEqual([])
    await clock.advance(1)
    expect(expired).toEqual(['a'])
    await clock.advance(399)
    expect(expired).toEqual(['a'])
    await clock.advance(1)
    expect(expired).toEqual(['a', 'b', 'c'])
    expect(clock.pending).toBe(0)
  })

  test('are taken back at the head, in the middle and at the end, twice and too late', async () => {
    const { clock, list, expired, item } = setUp()
    const items = ['a', 'b', 'c', 'd', 'e'].map((name) => item(name))
    for (const each of items) list.add(each)
    for (const index of [0, 2, 4, 2]) {
      const each = items[index]
      if (each) list.remove(each)
    }
    await clock.advance(MS)
    expect(expired).toEqual(['b', 'd'])
    for (const each of items) list.remove(each)
    const [again] = items
    if (again) list.add(again)
    await clock.advance(MS)
    expect(expired).toEqual(['b', 'd', 'a'])
  })

  test('hold whoever comes after an empty time to a whole length', async () => {
    const { clock, list, expired, item } = setUp()
    const first = item('first')
    list.add(first)
    await clock.advance(300)
    list.remove(first)
    await clock.advance(500)
    list.add(item('second'))
    await clock.advance(MS - 1)
    expect(expired).toEqual([])
    await clock.advance(1)
    expect(expired).toEqual(['second'])
  })

  test('let go of their timer when they are told to rest, but not while one is left', async () => {
    const { clock, list, expired, item } = setUp()
    const [first, second] = [item('first'), item('second')]
    list.add(first)
    list.rest()
    expect(clock.pending).toBe(1)
    list.remove(first)
    list.rest()
    expect(clock.pending).toBe(0)
    list.add(second)
    await clock.advance(MS)
    expect(expired).toEqual(['second'])
  })

  test('are not moved by a corrected wall time', async () => {
    const { clock, list, expired, item } = setUp()
    list.add(item('a'))
    clock.set(clock.now() + 3_600_000)
    await clock.advance(MS - 1)
    expect(expired).toEqual([])
    clock.set(0)
    await clock.advance(1)
    expect(expired).toEqual(['a'])
  })

  test('may begin anew, and may fail, while others pass', async () => {
    const { clock, list, expired, item } = setUp()
    const again: Due = item('again', () => {
      if (expired.length === 1) list.add(again)
    })
    list.add(again)
    list.add(
      item('bad', () => {
        throw new Error('bad')
      }),
    )
    list.add(item('last'))
    await expect(clock.advance(MS)).rejects.toThrow('bad')
    await clock.advance(MS)
    expect(expired).toEqual(['again', 'bad', 'last', 'again'])
  })
})

test('the machine’s scale does not go back when the wall time does', () => {
  const before = systemClock.elapsed()
  try {
    setSystemTime(0)
    expect(systemClock.now()).toBe(0)
    expect(systemClock.elapsed()).toBeGreaterThanOrEqual(before)
  } finally {
    setSystemTime()
  }
})
