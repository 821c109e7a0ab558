import { describe, expect, test } from 'bun:test'
import { createStderrReader } from '../../src/child/stderr.ts'

const encoder = new TextEncoder()

function read(text: string, size: number, secrets: string[] = []) {
  const lines: string[] = []
  const reader = createStderrReader(secrets, (line) => lines.push(line))
  const bytes = encoder.encode(text)
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.slice(at, at + size))
  reader.end()
  return { lines, tail: reader.tail() }
}

describe('standard error', () => {
  test('hides a secret wherever reads or lines cut it, and keeps what only began like one', () => {
    const secrets = ['abcabd', 'line\nbreak']
    const text = 'abcabcabd abcab abcx\nline\nbreaker\nabcabdabcabd'
    const clean = ['abc[redacted] abcab abcx', '[redacted]er', '[redacted][redacted]']
    for (let size = 1; size <= text.length; size += 1)
      expect(read(text, size, secrets).lines).toEqual(clean)
  })

  test('keeps no half of a token at the end of a line that was cut', () => {
    for (let pad = 2000; pad < 2048; pad += 1) {
      const { lines } = read(`${'y'.repeat(pad - 1)} fjpass_${'Q'.repeat(43)} more\n`, 100)
      expect(lines[0]).not.toContain('QQ')
    }
  })

  test('loses its colours and control characters', () => {
    expect(read('\u001b[31mERROR\u001b[0m\tbad\r\n', 3).lines).toEqual(['ERROR\tbad'])
  })

  test('is told without stack traces and never at length', () => {
    const trace =
      'main.run(0x1)\n\t/src/main.go:10 +0x1d\ncreated by main.x in goroutine 1\n\t/asm.s:1\n'
    expect(read(`first\n${trace}ERROR it broke\n${trace}`, 7).tail).toBe('first\nERROR it broke')
    const { tail } = read('z'.repeat(1900).concat('\n').repeat(100), 4096)
    expect(tail.length).toBeLessThanOrEqual(2048)
  })

  test('that is nothing but a stack trace is told as it is', () => {
    expect(read('main.main\n\t/src/main.go:10\n', 100).tail).toContain('main.go:10')
  })

  test('without an end is held within bounds', () => {
    let lines = 0
    const reader = createStderrReader(['secret'], () => {
      lines += 1
    })
    const chunk = encoder.encode('x'.repeat(65_536))
    Bun.gc(true)
    const before = process.memoryUsage().heapUsed
    for (let round = 0; round < 500; round += 1) reader.push(chunk)
    Bun.gc(true)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 1024 * 1024)
    reader.end()
    expect(lines).toBe(1)
  })
})
