import { describe, expect, test } from 'bun:test'
import { createGaps } from '../../src/mcp/gaps.ts'
import { createAllowance, createRing, type Kept, RING_BYTES } from '../../src/mcp/ring.ts'
import { seeded } from './random.ts'

const MIB = 1024 * 1024
const event = (stream: number, n: number, bytes = 1): Kept => ({
  stream,
  n,
  parts: [new Uint8Array(bytes)],
})

function ring(allowance = createAllowance()) {
  const evicted: number[] = []
  return { evicted, ...createRing(allowance, ({ n }) => evicted.push(n)) }
}

describe('a ring', () => {
  test('keeps the last 256 events, whatever their streams', () => {
    const one = ring()
    for (let n = 1; n <= 300; n++) one.add(event(1 + (n % 2), n))
    expect(one.evicted).toEqual(Array.from({ length: 44 }, (_, i) => i + 1))
    expect(one.after(1, 0).map(({ n }) => n)).toEqual(
      Array.from({ length: 128 }, (_, i) => 46 + 2 * i),
    )
    expect(one.after(2, 297).map(({ n }) => n)).toEqual([299])
  })

  test('keeps an answer of 16 MiB, and gives up what is older for it', () => {
    const one = ring()
    for (let n = 1; n <= 5; n++) one.add(event(1, n, 2 * MIB))
    one.add(event(1, 6, 16 * MIB))
    expect(one.after(1, 0).map(({ n }) => n)).toEqual([4, 5, 6])
  })

  test('never takes in what is larger than all of it, and keeps the rest', () => {
    const one = ring()
    one.add(event(1, 1))
    one.add(event(1, 2, RING_BYTES + 1))
    one.add(event(1, 3))
    expect(one.evicted).toEqual([2])
    expect(one.after(1, 0).map(({ n }) => n)).toEqual([1, 3])
  })

  test('has room again for what was forgotten', () => {
    const allowance = createAllowance(10)
    const [one, other] = [ring(allowance), ring(allowance)]
    one.add(event(1, 1, 6))
    one.add(event(2, 2, 4))
    one.forget(1)
    other.add(event(1, 1, 6))
    expect([...one.evicted, ...other.evicted]).toEqual([])
  })

  test('gives up its oldest events when all rings keep too much and it keeps the most', () => {
    const allowance = createAllowance(100)
    const [small, large] = [ring(allowance), ring(allowance)]
    small.add(event(1, 1, 30))
    for (let n = 1; n <= 7; n++) large.add(event(1, n, 10))
    small.add(event(1, 2, 25))
    expect(large.evicted).toEqual([1, 2, 3])
    expect(small.evicted).toEqual([])
    expect(small.after(1, 0)).toHaveLength(2)
  })
})

describe('gaps', () => {
  test('count every number once, in whatever order they come', () => {
    const random = seeded(3)
    for (let run = 0; run < 200; run++) {
      const gaps = createGaps()
      const all = new Set(Array.from({ length: random.below(60) }, () => random.below(100)))
      for (const n of all) gaps.add(n)
      for (const from of [-1, 0, random.below(100), 99])
        expect(gaps.after(from)).toBe([...all].filter((n) => n > from).length)
    }
  })

  test('of a busy stream stay small; of two that take turns they may count too many, never too few', () => {
    const gaps = createGaps()
    for (let n = 2; n <= 4000; n += 2) gaps.add(n)
    expect(gaps.after(0)).toBeGreaterThanOrEqual(2000)
    expect(gaps.after(3998)).toBe(1)
    expect(gaps.after(4000)).toBe(0)
  })
})
