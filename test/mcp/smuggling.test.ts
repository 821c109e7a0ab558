import { describe, expect, test } from 'bun:test'
import { NOTIFICATIONS, REQUESTS } from '../../src/mcp/methods.ts'
import { parseBody } from '../../src/mcp/parse.ts'
import { rebuildNotification, rebuildRequest, rebuildResponse } from '../../src/mcp/rebuild.ts'
import type { ClientMessage } from '../../src/mcp/rpc.ts'
import { type GoMessage, goRead } from './go-reader.ts'
import { type Random, seeded } from './random.ts'

const RUNS = 1500
const METHODS = [...REQUESTS.keys(), ...NOTIFICATIONS.keys(), 'delete_everything', 'Tools/Call']
const PARAMS = [...new Set([...REQUESTS.values(), ...NOTIFICATIONS.values()].flat())]
const NUMBERS = ['0', '1', '-0', '7.0', '1e0', '2E2', '12345678901234567890', '1.5', '1e400']

/** A key, mostly plain, sometimes in another case, with a character that folds into ASCII, or escaped. */
function keyText(random: Random, name: string): string {
  let key = name
  if (random.chance(0.04)) key = key.replace(/[a-z]/, (c) => c.toUpperCase())
  if (random.chance(0.04)) key = key.replace('s', '\u017f').replace('k', '\u212a')
  if (random.chance(0.02)) key = `${key}x`
  const quoted = JSON.stringify(key)
  if (!random.chance(0.1)) return quoted
  return quoted.replace(/[a-zA-Z\u017f\u212a]/, (c) => `\\u${hex(c.charCodeAt(0))}`)
}

const hex = (code: number): string => code.toString(16).padStart(4, '0')

function valueText(random: Random, depth = 0): string {
  const kind = random.below(depth > 2 ? 4 : 7)
  if (kind === 0) return random.pick(NUMBERS)
  if (kind === 1) return random.pick(['null', 'true', 'false'])
  if (kind < 4)
    return random.pick([
      '"a"',
      '"\\ud800"',
      '"\\ud83d\\ude00"',
      '"ſK"',
      '"}],{\\"id\\":"',
      '"\\\\"',
    ])
  if (kind === 4) return `[${listOf(random, () => valueText(random, depth + 1))}]`
  return objectText(
    random,
    listOf(
      random,
      () =>
        [
          keyText(random, random.pick(['name', 'x', 'Id', '__proto__'])),
          valueText(random, depth + 1),
        ] as const,
    ),
  )
}

const listOf = <T>(random: Random, make: () => T): T[] =>
  Array.from({ length: random.below(4) }, make)

function objectText(random: Random, members: readonly (readonly [string, string])[]): string {
  const space = (): string => (random.chance(0.1) ? random.pick([' ', '\n', '\r\t']) : '')
  return `{${space()}${members.map(([key, value]) => `${key}${space()}:${space()}${value}`).join(`${space()},`)}${space()}}`
}

function messageText(random: Random): string {
  const method = random.pick(METHODS)
  const known = REQUESTS.get(method) ?? NOTIFICATIONS.get(method) ?? []
  const params: (readonly [string, string])[] = known.map((name) => [
    keyText(random, name),
    random.chance(0.7) ? JSON.stringify(random.pick(['create_file', 'x'])) : valueText(random),
  ])
  while (random.chance(0.2)) params.push([keyText(random, random.pick(PARAMS)), valueText(random)])
  if (random.chance(0.4)) {
    const token = random.pick(['"t"', '3', '1e0', '12345678901234567890'])
    const meta: (readonly [string, string])[] = [[keyText(random, 'progressToken'), token]]
    if (random.chance(0.1)) meta.push([keyText(random, 'progressToken'), '"other"'])
    if (random.chance(0.3)) meta.push(['"vendor/key"', valueText(random)])
    params.push([keyText(random, '_meta'), objectText(random, meta)])
  }
  const message: (readonly [string, string])[] = [[keyText(random, 'jsonrpc'), '"2.0"']]
  if (random.chance(0.9)) message.push([keyText(random, 'method'), JSON.stringify(method)])
  if (random.chance(0.8))
    message.push([keyText(random, 'id'), random.pick(['1', '"1"', '"\\u0061"', ...NUMBERS])])
  if (random.chance(0.9)) message.push([keyText(random, 'params'), objectText(random, params)])
  if (random.chance(0.1)) message.push([keyText(random, 'result'), valueText(random)])
  if (random.chance(0.05)) message.push([keyText(random, 'error'), '{"code":1,"message":"m"}'])
  if (random.chance(0.05))
    message.push([keyText(random, random.pick(['id', 'method', 'params'])), '"x"'])
  if (random.chance(0.2)) message.reverse()
  return objectText(random, message)
}

/** The bytes of a message, now and then with a byte that is no UTF-8 inside. */
function messageBytes(random: Random): Uint8Array {
  const bytes = Buffer.from(messageText(random))
  if (random.chance(0.05)) bytes[random.below(bytes.length)] = random.pick([0x80, 0xc0, 0xff])
  return bytes
}

/** Our reading in the terms of the Go reader. */
function ours(message: ClientMessage, params: readonly string[], id: string): GoMessage {
  const meta = message.kind === 'response' ? undefined : message.params?._meta
  const given = message.kind === 'response' ? undefined : message.params
  const read = goRead(Buffer.from(JSON.stringify({ id: 0, params: given ?? {} })), params)!
  return {
    jsonrpc: '2.0',
    id: message.kind === 'notification' ? undefined : id,
    method: message.kind === 'response' ? undefined : message.method,
    hasParams: given !== undefined,
    params: read.params,
    meta: { progressToken: meta === undefined ? undefined : read.meta.progressToken },
    hasResult: message.kind === 'response' && message.error === undefined,
    hasError: message.kind === 'response' && message.error !== undefined,
  }
}

const knownParams = (message: ClientMessage): readonly string[] => {
  if (message.kind === 'response') return []
  return (message.kind === 'request' ? REQUESTS : NOTIFICATIONS).get(message.method) ?? []
}

/** Whether a check by exact names, as a broker that forwards bytes would make it, sees another message than Go. */
function foolsExactReader(bytes: Uint8Array): boolean {
  const go = goRead(bytes, PARAMS)
  if (go === undefined) return false
  const value = JSON.parse(new TextDecoder().decode(bytes))
  const only = (from: Record<string, unknown> | undefined, names: readonly string[]) =>
    from &&
    Object.fromEntries(
      names.filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]),
    )
  const top = only(value, ['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
  const params = only(value.params, [...PARAMS, '_meta'])
  if (params?._meta) params._meta = only(value.params._meta, ['progressToken'])
  if (top && params) top.params = params
  const exact = goRead(Buffer.from(JSON.stringify(top)), PARAMS)
  return JSON.stringify(anyNumber(exact)) !== JSON.stringify(anyNumber(go))
}

const anyNumber = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, part) =>
    typeof part === 'string' && /^#(-?\d|null)/.test(part) ? '#' : part,
  )

const rebuilt = (message: ClientMessage): string => {
  if (message.kind === 'response') return rebuildResponse(message, '"c"')
  if (message.kind === 'notification') return rebuildNotification(message)
  return rebuildRequest(message, 9)
}

const idSeen = (text: string): unknown => {
  const line = `{"id":${text}}`
  return goRead(Buffer.from(line), [])?.id
}

/** A number's spelling may change where its value does not: 7.0 is 7. */
const byValue = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null), (_key, part) =>
    typeof part === 'string' && /^#-?\d/.test(part) && Number(part.slice(1)) <= 1e6
      ? Number(part.slice(1)) + 0
      : part,
  )

/** Compares two readings; only a failure pays for the report. */
function same(received: unknown, expected: unknown, context: string): void {
  const [a, b] = [byValue(received), byValue(expected)]
  if (!Bun.deepEquals(a, b)) expect({ context, reading: a }).toEqual({ context, reading: b })
}

describe('a message that a Go child would read otherwise than we do', () => {
  test('a text that is as we would write it ourselves reads as any other', () => {
    const random = seeded(12)
    let plain = 0
    for (let run = 0; run < RUNS; run++) {
      const text = messageText(random)
      let compact: string
      try {
        compact = JSON.stringify(JSON.parse(text))
      } catch {
        continue
      }
      if (compact === text) plain++
      for (const each of [text, compact])
        expect(parseBody(Buffer.from(each))).toEqual(parseBody(Buffer.from(` ${each}`)))
    }
    expect(plain).toBeGreaterThan(50)
  })

  test('is refused, and what is accepted reaches the child as we read it', () => {
    const random = seeded(20261)
    const counts = { accepted: 0, refused: 0, fooling: 0 }
    for (let run = 0; run < RUNS; run++) {
      const bytes = messageBytes(random)
      const context = Buffer.from(bytes).toString('latin1')
      const parsed = parseBody(bytes)
      if (foolsExactReader(bytes)) {
        counts.fooling++
        if (parsed.ok) throw new Error(`accepted: ${context}`)
      }
      if (!parsed.ok) {
        counts.refused++
        continue
      }
      counts.accepted++
      const [message] = parsed.value.messages
      if (message === undefined) throw new Error(context)
      const known = knownParams(message)
      const original = goRead(bytes, known)!
      const id = message.kind === 'notification' ? '' : (idSeen(message.idText) as string)
      const expected = ours(message, known, id)
      if (message.kind === 'response') {
        original.params = expected.params
        original.meta = expected.meta
        original.hasParams = expected.hasParams
      }
      same(original, expected, context)

      const line = rebuilt(message)
      expect(line).not.toContain('\n')
      const child = goRead(Buffer.from(line), known)!
      const childId = { request: '#9', response: 'c', notification: undefined }[message.kind]
      const seen = { ...expected, id: childId, meta: {} }
      same({ ...child, meta: {} }, seen, context)
      expect(child.meta.progressToken === undefined || message.kind === 'notification').toBe(true)
    }
    expect(counts.fooling).toBeGreaterThan(RUNS / 20)
    expect(counts.accepted).toBeGreaterThan(RUNS / 10)
    expect(counts.refused).toBeGreaterThan(RUNS / 10)
  }, 30_000)
})
