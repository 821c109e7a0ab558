import { describe, expect, test } from 'bun:test'
import { createBridge } from '../../src/mcp/bridge.ts'
import { rpcRequest } from '../../src/mcp/rpc.ts'
import { splice, withId } from '../../src/mcp/splice.ts'
import { manualClock } from '../fixtures/clock.ts'
import { type Random, seeded } from './random.ts'

/** Texts that could be taken for a key or for the end of a string. */
const TRAPS = [
  '"id":1',
  '\\',
  '"',
  '{"id":',
  '}',
  ',',
  'id',
  'jsonrpc',
  '\u2028',
  '\ud83d\ude00',
  '\u0000',
  '\ud800',
]
const NUMBERS = ['0', '-0', '1e400', '12345678901234567890', '0.10', '1E+2', '-1.50']

const space = (random: Random) => random.pick(['', '', '', ' ', '\t', '\r'])

function string(random: Random): string {
  const text = Array.from({ length: random.below(4) }, () => random.pick(TRAPS)).join('')
  const source = JSON.stringify(text)
  return random.chance(0.3) ? source.replaceAll('i', '\\u0069').replaceAll('/', '\\/') : source
}

function value(random: Random, depth: number): string {
  const kind = random.below(depth > 3 ? 3 : 5)
  if (kind === 0) return string(random)
  if (kind === 1) return random.pick(NUMBERS)
  if (kind === 2) return random.pick(['true', 'false', 'null'])
  const items = Array.from({ length: random.below(4) }, () => value(random, depth + 1))
  if (kind === 3) return `[${items.join(`${space(random)},`)}]`
  return object(
    random,
    items.map((item) => [random.chance(0.4) ? random.pick(ID) : string(random), item]),
  )
}

/** Spellings of one key. */
const ID = ['"id"', '"id"', '"\\u0069d"', '"i\\u0064"']
const TOKEN = ['"progressToken"', '"progress\\u0054oken"']

const object = (random: Random, members: [string, string][]): string =>
  `{${members
    .map(([key, item]) => `${space(random)}${key}${space(random)}:${space(random)}${item}`)
    .join(`${space(random)},`)}${space(random)}}`

/** Marks where a value of the text is put; no generated text holds it. */
const HOLE = '"\u0001hole"'

/** An object with the last of its members of one name left open, among others in any order. */
function message(random: Random, names: readonly string[]): string {
  const others = Array.from({ length: random.below(5) }, (): [string, string] => [
    random.chance(0.3) ? string(random) : random.pick(['"result"', '"params"', '"jsonrpc"']),
    value(random, 0),
  ])
  const before = random.below(others.length + 1)
  const members: [string, string][] = [
    ...others.slice(0, before),
    [random.pick(names), HOLE],
    ...others.slice(before),
  ]
  const name = JSON.parse(names[0] ?? '')
  const unique = members.filter(([key, source]) => source === HOLE || JSON.parse(key) !== name)
  // Of two equal keys the last counts, for JSON.parse and so for the child's peers.
  if (random.chance(0.3)) unique.unshift([random.pick(names), random.pick(NUMBERS)])
  return `${space(random)}${object(random, unique)}${space(random)}`
}

const IDS = ['1', '"a"', '12345678901234567890', '"\\u0069d"', '"$&"', '"$1"', '-7', '1.0']

describe('a message of the child', () => {
  test('gets the id of the client and keeps every other character', () => {
    const random = seeded(4)
    for (let run = 0; run < 5000; run++) {
      const open = message(random, ID)
      const line = open.replace(HOLE, () => String(random.below(100)))
      const id = random.pick(IDS)
      const changed = withId(line, id)
      expect(changed).toBe(open.replace(HOLE, () => id))
      expect(JSON.parse(changed)).toEqual({ ...JSON.parse(line), id: JSON.parse(id) })
    }
  })

  test('gets a progress token in the same way, however deep it is', () => {
    const random = seeded(5)
    for (let run = 0; run < 2000; run++) {
      const params = message(random, TOKEN)
      const open = object(random, [
        [random.pick(['"method"', '"x"']), value(random, 0)],
        ['"params"', params],
      ])
      const line = open.replace(HOLE, '7')
      const token = random.pick(IDS)
      expect(splice(line, ['params', 'progressToken'], token)).toBe(open.replace(HOLE, () => token))
    }
  })

  test('that answers a call is the same after the bridge, but for the id', () => {
    const random = seeded(6)
    const bridge = createBridge({
      channel: { send: () => true },
      clock: manualClock(),
      callTimeoutMs: 1_000,
      unsolicited() {},
      clean: (text) => text,
      idsFrom: () => 1,
    })
    for (let childId = 1; childId <= 1000; childId++) {
      let answer = ''
      const idText = random.pick(IDS)
      const end = (text: string) => {
        answer = text
      }
      bridge.call({ ...rpcRequest('ping'), id: 0, idText }, { message() {}, end })
      const members: [string, string][] = [
        ['"jsonrpc"', '"2.0"'],
        [random.pick(ID), HOLE],
        [random.pick(['"result"', '"error"']), value(random, 0)],
      ]
      if (random.chance(0.5)) members.reverse()
      const open = object(random, members)
      bridge.receive(open.replace(HOLE, String(childId)))
      expect(answer).toBe(open.replace(HOLE, () => idText))
    }
    expect(bridge.dropped).toBe(0)
  })
})
