import { describe, expect, test } from 'bun:test'
import { createLineSplitter, readMessage } from '../../src/child/lines.ts'

/** Splits `bytes` given in pieces of `size` bytes. */
function split(bytes: Uint8Array, size: number, maxBytes = 1000) {
  const told: string[] = []
  const splitter = createLineSplitter(maxBytes, {
    line: (text) => told.push(text),
    oversize: () => told.push('<oversize>'),
  })
  for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.slice(at, at + size))
  return { told, unfinished: splitter.end() }
}

describe('lines', () => {
  const text = '{"a":1}\n\nhäß🦊\r\n漢字\nlast'
  const lines = ['{"a":1}', '', 'häß🦊', '漢字']

  test('come out the same wherever the reads are cut', () => {
    const bytes = new TextEncoder().encode(text)
    for (let size = 1; size <= bytes.length; size += 1)
      expect(split(bytes, size)).toEqual({ told: lines, unfinished: true })
  })

  test('are complete at a final newline', () => {
    expect(split(new TextEncoder().encode('a\nb\n'), 64).unfinished).toBe(false)
  })

  test('may be as long as the cap and not a byte longer, wherever the reads are cut', () => {
    const bytes = new TextEncoder().encode(`${'x'.repeat(10)}\n${'y'.repeat(11)}\nz\n`)
    for (let size = 1; size <= bytes.length; size += 1)
      expect(split(bytes, size, 10).told).toEqual(['x'.repeat(10), '<oversize>', 'z'])
  })

  test('over the cap say how they begin, wherever the reads are cut', () => {
    const long = `{"ä":"${'0123456789'.repeat(3000)}"}`
    const bytes = new TextEncoder().encode(`short\n${long}\nshort\n`)
    for (const cap of [1000, 20_000])
      for (const size of [1, 7, 100, 600, bytes.length]) {
        const heads: string[] = []
        const oversize = (head: string) => heads.push(head)
        const splitter = createLineSplitter(cap, { line() {}, oversize })
        for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.slice(at, at + size))
        expect(heads).toEqual([long.slice(0, 511)])
      }
  })

  test('a little over a small cap say no more than themselves', () => {
    const heads: string[] = []
    const splitter = createLineSplitter(4, { line() {}, oversize: (head) => heads.push(head) })
    splitter.push(new TextEncoder().encode('abc'))
    splitter.push(new TextEncoder().encode('def\nghi\n'))
    expect(heads).toEqual(['abcdef'])
  })

  test('of many blocks come out whole, and the short ones after them', () => {
    const long = Array.from({ length: 200_000 }, (_, n) => `${n}ß`).join()
    const bytes = new TextEncoder().encode(`${long}\nshort\n${long}\n`)
    for (const size of [1_000, 64 * 1024, bytes.length])
      expect(split(bytes, size, bytes.length).told).toEqual([long, 'short', long])
  })

  test('over the cap are not held in memory', () => {
    const told: string[] = []
    const splitter = createLineSplitter(1024 * 1024, {
      line: (line) => told.push(line),
      oversize: () => told.push('<oversize>'),
    })
    const chunk = new Uint8Array(64 * 1024).fill(120)
    Bun.gc(true)
    const before = process.memoryUsage().arrayBuffers
    for (let round = 0; round < 2000; round += 1) splitter.push(chunk)
    Bun.gc(true)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024)
    splitter.push(new TextEncoder().encode('\nok\n'))
    expect(told).toEqual(['<oversize>', 'ok'])
  })

  test('that are not UTF-8 still end where they end', () => {
    expect(split(new Uint8Array([0xff, 0xc3, 10, 0x61, 10]), 1).told).toEqual(['\ufffd\ufffd', 'a'])
  })
})

describe('a message', () => {
  test.each(['{}', ' {"a":[1]} ', '[{"a":1}]'])('can be %p', (line) => {
    expect(readMessage(line)).toEqual({ value: JSON.parse(line) })
  })

  test.each(['', 'hello', '"text"', '1', 'null', '{not json}', '{"a":1', '\ufeff{}', '{} {}'])(
    'cannot be %p',
    (line) => {
      expect(readMessage(line)).toBeUndefined()
    },
  )

  test('of great length is judged by its two ends', () => {
    const long = 'x'.repeat(100_000)
    expect(readMessage(`{"a":"${long}"}`)).toEqual({})
    expect(readMessage(`{"a":"${long}`)).toBeUndefined()
    expect(readMessage(`${long}}`)).toBeUndefined()
  })
})
