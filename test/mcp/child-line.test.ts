import { describe, expect, test } from 'bun:test'
import { readLine } from '../../src/mcp/child-line.ts'
import { withId } from '../../src/mcp/splice.ts'
import { type Random, seeded } from './random.ts'

/** What could be taken for the end of a string, for a key or for the end of the message. */
const TRAPS = ['id', '"id":1', '\\', '"', '{"id":', '}', '}}', ',', '\u2028', 'result', '\n', 'ä']
const LONG = 'long '.repeat(120)
const KEYS = ['"id"', '"\\u0069d"', '"result"', '"error"', '"re\\u0073ult"', '"jsonrpc"', '"x"']

function value(random: Random, depth: number): unknown {
  const kind = random.below(depth > 3 ? 2 : 4)
  if (kind === 0) return Array.from({ length: random.below(4) }, () => random.pick(TRAPS)).join('')
  if (kind === 1) return random.pick([0, -1.5, 7, true, false, null])
  const items = Array.from({ length: random.below(4) }, () => value(random, depth + 1))
  return kind === 2 ? items : Object.fromEntries(items.map((item) => [random.pick(TRAPS), item]))
}

/** An object whose keys come in any order, any spelling and more than once. */
function answer(random: Random): string {
  const space = () => random.pick(['', '', ' ', '\t '])
  const members = Array.from({ length: random.below(7) }, () => {
    const said = value(random, 0)
    const source = JSON.stringify(random.chance(0.3) ? { long: LONG, said } : said)
    return `${space()}${random.pick(KEYS)}${space()}:${space()}${source}${space()}`
  })
  return `${space()}{${members.join(',')}}${space()}`
}

describe('an answer that is not parsed', () => {
  test('is understood as one that is', () => {
    const random = seeded(11)
    let outlined = 0
    for (let run = 0; run < 5000; run++) {
      const line = answer(random)
      const [parsed] = readLine(line) ?? []
      const [large] = readLine(line, undefined, 0) ?? []
      const known = parsed?.value as Record<string, unknown>
      const seen = large?.value as Record<string, unknown>
      expect(seen.id).toEqual(known.id)
      for (const key of ['id', 'result']) expect(key in seen).toBe(key in known)
      // Beside a result it changes nothing.
      if (!('result' in known)) expect('error' in seen).toBe('error' in known)
      if (large?.id === undefined) continue
      outlined++
      expect(withId(line, '"new"', large.id)).toBe(withId(line, '"new"'))
    }
    expect(outlined).toBeGreaterThan(1000)
  })

  test.each([
    [`{"id":1,"result":{"a":"${LONG}"}}`, 1],
    [`{"id":1,"result":{"a":"${LONG}"},"id":2}`, 2],
    [`{"id":1,"result":{"a":"${LONG}"},"\\u0069d":3,"x":{}}`, 3],
    [`{"id":1,"result":{"a":"${LONG}"},"i\\u0064":{"b":{}}}`, { b: {} }],
    [`{"id":1,"result":{"id":4,"a":"${LONG}"}}`, 1],
  ])('has the id that stands last: %#', (line, id) => {
    const [message] = readLine(line, undefined, 0) ?? []
    expect(message?.value).toMatchObject({ id })
    expect(message?.id).toBeDefined()
  })

  test('is a request when a method follows what looks like its result', () => {
    const later = [`"method":"ping"`, `"me\\u0074hod":"ping"`, `"\\u006Dethod":"ping"`]
    for (const member of later) {
      const line = `{"id":1,"result":{"a":"${LONG}"},${member},"x":{}}`
      expect(readLine(line, undefined, 0)?.[0]?.value).toMatchObject({ method: 'ping' })
    }
  })

  test.each([
    '{"id":1,"result":{}',
    '{"id":1,"result":{},}',
    '{"id":1,"result":{}} {}',
    '{"id":1,"result":"{}}',
    '{"id":,"result":{}}',
    '{"id":1,"re\\qsult":{}}',
    '{}}',
  ])('is none when it does not close as it should: %s', (line) => {
    expect(readLine(line, undefined, 0)).toBeUndefined()
  })

  test.each([
    '{"id":1,"method":"ping","result":{}}',
    '[{"id":1,"result":{"a":1}}]',
    '{"result":{"a":1}}',
    '"text"',
  ])('is parsed when it is something else: %s', (line) => {
    expect(readLine(line, undefined, 0)).toEqual(readLine(line))
    expect(readLine(line, undefined, 0)?.[0]?.id).toBeUndefined()
  })

  test('is understood whatever key stands where its first characters end', () => {
    for (let size = 480; size <= 520; size++) {
      const line = `{"id":1,"x":"${'x'.repeat(size)}","\\u006bey\\\\":2,"result":{"a":{}}}`
      const value = readLine(line, undefined, 0)?.[0]?.value
      expect(value).toMatchObject({ id: 1 })
      expect(value).toHaveProperty('result')
    }
  })

  test('has sixteen members at most', () => {
    const members = Array.from({ length: 16 }, (_, n) => `"k${n}":${n}`)
    const line = `{"id":1,"result":{"a":1},${members.join()}}`
    expect(readLine(line, undefined, 0)).toEqual(readLine(line))
  })
})
