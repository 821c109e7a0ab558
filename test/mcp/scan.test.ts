import { expect, test } from 'bun:test'
import { idKey, parseExact } from '../../src/mcp/exact.ts'
import { foldName } from '../../src/mcp/names.ts'
import { elements, exceeds, members } from '../../src/mcp/scan.ts'
import { sourceAt, splice, withId } from '../../src/mcp/splice.ts'
import { type Random, seeded } from './random.ts'

/** A random value with its JSON text, written with odd spaces and escapes. */
function value(random: Random, depth: number): { text: string; parts: [string, string][] } {
  const strings = [
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'a',
    '\u00e9',
    '\ud83d\ude00',
    '\\"',
    '\n',
  ]
  const space = () => random.pick(['', '', '', ' ', '\n\t', '\r'])
  const string = () =>
    JSON.stringify(Array.from({ length: random.below(6) }, () => random.pick(strings)).join(''))
  const kind = depth > 4 ? random.below(3) : random.below(5)
  if (kind === 0) return { text: string(), parts: [] }
  if (kind === 1) return { text: random.pick(['0', '-1.5e+3', '12345678901234567890']), parts: [] }
  if (kind === 2) return { text: random.pick(['true', 'false', 'null']), parts: [] }
  const parts = Array.from({ length: random.below(5) }, (): [string, string] => [
    string(),
    value(random, depth + 1).text,
  ])
  const inner = parts.map(([key, text]) =>
    kind === 3
      ? `${space()}${text}${space()}`
      : `${space()}${key}${space()}:${space()}${text}${space()}`,
  )
  const [open, close] = kind === 3 ? ['[', ']'] : ['{', '}']
  return { text: open + (inner.join(',') || space()) + close, parts }
}

test('the scanner finds every member and element of any JSON, duplicates included', () => {
  const random = seeded(7)
  for (let run = 0; run < 3000; run++) {
    const { text, parts } = value(random, 0)
    if (text.startsWith('{')) {
      const found = members(text, 0).map(({ key, start, end }) => [key, text.slice(start, end)])
      expect(found).toEqual(parts.map(([key, source]) => [JSON.parse(key), source]))
    } else if (text.startsWith('[')) {
      const found = elements(text, 0).map(({ start, end }) => text.slice(start, end))
      expect(found).toEqual(parts.map(([, source]) => source))
    }
  }
})

test('brackets and commas in strings do not count, and an unclosed string ends the scan', () => {
  const within = (depth: number, values: number) => ({ depth, values })
  expect(exceeds('["[[[[\\"[[,,,,"]', within(1, 9))).toBe(false)
  expect(exceeds('[[]]', within(1, 9))).toBe(true)
  expect(exceeds('["[[[[,,,', within(1, 9))).toBe(false)
  expect(exceeds('[1,2,3]', within(1, 3))).toBe(true)
})

test('names fold as Go folds them, and no further', () => {
  expect(foldName('Argument\u017f')).toBe('arguments')
  expect(foldName('\u212aEY')).toBe('key')
  expect(foldName('\u0130d')).not.toBe('id')
  expect(foldName('\u0131d')).not.toBe('id')
})

test('splicing changes one value and not a character besides', () => {
  const line = ' {"result":{"id":1,"n":12345678901234567890} , "id" : 4 }'
  expect(withId(line, '"x"')).toBe(' {"result":{"id":1,"n":12345678901234567890} , "id" : "x" }')
  expect(splice(line, ['result', 'n'], '0')).toBe(' {"result":{"id":1,"n":0} , "id" : 4 }')
  expect(splice(line, ['params', 'n'], '0')).toBe(line)
  expect(withId('{"id":1,"id":2}', '3')).toBe('{"id":1,"id":3}')
  expect(sourceAt(line, ['result', 'n'])).toBe('12345678901234567890')
  expect(sourceAt(line, ['id', 'n'])).toBeUndefined()
})

test('two spellings of an id meet, a string and a number never do', () => {
  const key = (text: string) => idKey((parseExact(`{"id":${text}}`) as { id: unknown }).id)
  expect(key('1e0')).toBe(key('1'))
  expect(key('"1"')).not.toBe(key('1'))
  expect(key('12345678901234567890')).not.toBe(key('12345678901234567891'))
  expect([key('1.5'), key('null'), key('{}')]).toEqual([undefined, undefined, undefined])
})
