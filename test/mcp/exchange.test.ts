import { beforeEach, describe, expect, test } from 'bun:test'
import {
  createExchanges,
  type ExchangeOptions,
  type ExchangeReply,
} from '../../src/mcp/exchange.ts'
import { createOutbox } from '../../src/mcp/outbox.ts'
import { renderEvent } from '../../src/mcp/sse.ts'
import type { SessionStreams } from '../../src/mcp/streams.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'
import { HOLDER, memoryStreams } from './streams-harness.ts'

let clock: ManualClock
let streams: SessionStreams

beforeEach(() => {
  clock = manualClock()
  streams = memoryStreams(clock).streams
})

const exchange = (given: Partial<ExchangeOptions> = {}) =>
  createExchanges(clock)({ streams, ids: ['1'], holder: HOLDER, ...given })

const body = (reply: ExchangeReply): ReadableStream<Uint8Array> => {
  if (reply.kind !== 'stream') throw new Error(`not a stream but ${reply.kind}`)
  return reply.body
}

const textOf = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text()

type Reader = { read(): Promise<{ value?: Uint8Array | undefined; done: boolean }> }

/** Reads until `mark` was seen. */
async function readTo(reader: Reader, mark: string) {
  let text = ''
  while (!text.includes(mark)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`ended after ${text}`)
    text += Buffer.from(value ?? []).toString()
  }
  return text
}

describe('a reply', () => {
  test('is JSON when the answer is the first thing said', async () => {
    const one = exchange()
    const reply = one.respond()
    one.end('{"id":1}')
    expect(await reply).toEqual({ kind: 'json', body: '{"id":1}' })
    await clock.advance(5_000)
    expect(clock.pending).toBe(0)
  })

  test('is JSON too when the answer was there before anyone asked', async () => {
    const one = exchange()
    await clock.advance(60_000)
    one.end('{}')
    expect((await one.respond()).kind).toBe('json')
  })

  test('is a stream as soon as anything else comes first, primed, and ends with the answer', async () => {
    const one = exchange()
    const reply = one.respond()
    one.message('{"method":"notifications/message"}')
    one.end('{"id":1}')
    one.message('late')
    one.end('again')
    expect(await textOf(body(await reply))).toBe(
      'id: 1-1\nretry: 1000\ndata: \n\n' +
        'event: message\nid: 1-2\ndata: {"method":"notifications/message"}\n\n' +
        'event: message\nid: 1-3\ndata: {"id":1}\n\n',
    )
    await clock.advance(5_000)
    expect(clock.pending).toBe(0)
  })

  test('is a stream after five silent seconds', async () => {
    const one = exchange()
    const reply = one.respond()
    let kind = ''
    void reply.then((value) => {
      kind = value.kind
    })
    await clock.advance(4_999)
    expect(kind).toBe('')
    await clock.advance(1)
    expect(kind).toBe('stream')
    one.end('{"id":1}')
    expect(await textOf(body(await reply))).toContain('data: {"id":1}\n\n')
  })

  test('is asked for once', () => {
    const one = exchange()
    void one.respond()
    expect(() => one.respond()).toThrow()
    one.end('{}')
  })

  test('is primed without data for clients that would read an empty message', async () => {
    const one = exchange({ streams: memoryStreams(clock, { primed: false }).streams })
    one.message('{}')
    one.end('{}')
    expect(await textOf(body(await one.respond()))).toStartWith('id: 1-1\nretry: 1000\n\nevent:')
  })

  test('numbers events upwards within the session, and streams too', async () => {
    const [first, second] = [exchange(), exchange()]
    first.message('a')
    second.message('b')
    first.end('c')
    second.end('d')
    const ids = async (one: typeof first) =>
      (await textOf(body(await one.respond()))).match(/^id: .*/gm)
    expect(await ids(first)).toEqual(['id: 1-1', 'id: 1-2', 'id: 1-5'])
    expect(await ids(second)).toEqual(['id: 2-3', 'id: 2-4', 'id: 2-6'])
  })
})

describe('a stream', () => {
  test('is kept alive by comments that take no id', async () => {
    const one = exchange()
    const reply = one.respond()
    one.message('first')
    const reader = body(await reply).getReader()
    await readTo(reader, 'first\n\n')
    await clock.advance(15_000)
    expect(await readTo(reader, 'alive\n\n')).toBe(': keep-alive\n\n')
    one.end('last')
    expect(await readTo(reader, 'last\n\n')).toContain('id: 1-3\n')
  })

  test('carries an answer of 32 MiB after other events to a reader that takes its time', async () => {
    const one = exchange()
    one.message('x'.repeat(1024))
    const large = JSON.stringify({ text: 'y'.repeat(32 * 1024 * 1024 - 20) })
    one.end(large)
    await clock.advance(59_000)
    const text = await textOf(body(await one.respond()))
    expect(text.endsWith(`data: ${large}\n\n`)).toBe(true)
  })

  test('is dropped when its reader is too far behind', async () => {
    const one = exchange()
    const eight = 'x'.repeat(8 * 1024 * 1024)
    for (let i = 0; i < 6; i++) one.message(eight)
    await expect(textOf(body(await one.respond()))).rejects.toThrow()
    one.end('{}')
    expect(clock.pending).toBe(0)
  })

  test('is dropped when nothing is taken for a minute', async () => {
    const one = exchange()
    one.message('waiting')
    await clock.advance(59_999)
    expect(clock.pending).toBe(2)
    await clock.advance(1)
    expect(clock.pending).toBe(0)
    await expect(textOf(body(await one.respond()))).rejects.toThrow()
  })

  test('goes on when the client goes away, and is there for its return', async () => {
    const one = exchange()
    one.message('a')
    const reader = body(await one.respond()).getReader()
    await readTo(reader, 'a\n\n')
    await reader.cancel()
    expect(one.sinks[0]?.message('b')).toBe(true)
    one.end('c')
    one.end('again')
    one.message('late')
    expect(clock.pending).toBe(0)
    expect(await textOf(streams.resume('1-2', HOLDER)?.body ?? new ReadableStream())).toBe(
      'id: 1-2\nretry: 1000\ndata: \n\n' +
        'event: message\nid: 1-3\ndata: b\n\n' +
        'event: message\nid: 1-4\ndata: c\n\n',
    )
  })

  test('is none when the client goes before there is one: nobody hears what is still said', async () => {
    const one = exchange({ client: { signal: AbortSignal.abort() } })
    const reply = one.respond()
    expect(one.sinks[0]?.message('a')).toBe(false)
    expect(await reply).toEqual({ kind: 'gone' })
    one.end('{}')
    expect(streams.resume('1-1', HOLDER)).toBeUndefined()
    await clock.advance(5_000)
    expect(clock.pending).toBe(0)
  })
})

describe('a batch', () => {
  test('is answered by one JSON array when nothing else was said', async () => {
    const both = exchange({ ids: ['1', '2'], batch: true })
    both.sinks[1]?.end('{"id":2}')
    both.sinks[1]?.end('{"id":2}')
    both.sinks[0]?.end('{"id":1}')
    expect(await both.respond()).toEqual({ kind: 'json', body: '[{"id":2},{"id":1}]' })
  })

  test('of one is an array too', async () => {
    const one = exchange({ batch: true })
    one.end('{"id":1}')
    expect(await one.respond()).toEqual({ kind: 'json', body: '[{"id":1}]' })
  })

  test('becomes a stream with the answers that were already there', async () => {
    const both = exchange({ ids: ['1', '2'], batch: true })
    both.sinks[1]?.end('{"id":2}')
    both.sinks[0]?.message('progress')
    both.sinks[0]?.end('{"id":1}')
    const text = await textOf(body(await both.respond()))
    expect(text.match(/^data: .*/gm)).toEqual([
      'data: ',
      'data: {"id":2}',
      'data: progress',
      'data: {"id":1}',
    ])
  })
})

describe('framing', () => {
  test('line breaks between the tokens of a text do not end its field', () => {
    const text = Buffer.concat(
      renderEvent({ id: '1-1', data: '{"a":1,\r"b":2\r\n,"c":3\n}' }),
    ).toString()
    expect(text).toBe('id: 1-1\ndata: {"a":1,\ndata: "b":2\ndata: ,"c":3\ndata: }\n\n')
  })

  test('an outbox hands small parts over together, in their order', async () => {
    const outbox = createOutbox(clock, () => {})
    const parts = Array.from({ length: 50_000 }, (_, i) => Buffer.from(`${i} `.padStart(20)))
    for (const part of parts) outbox.push([part])
    outbox.end()
    const chunks = await Array.fromAsync(outbox.body)
    expect(chunks.length).toBe(4)
    expect(Buffer.concat(chunks).equals(Buffer.concat(parts))).toBe(true)
  })

  test('an outbox hands large parts over in slices and ends when all was read', async () => {
    const outbox = createOutbox(clock, () => {})
    outbox.push([new Uint8Array(600 * 1024)])
    outbox.end()
    expect(outbox.push([new Uint8Array(1)])).toBe(false)
    const sizes: number[] = []
    for await (const chunk of outbox.body) sizes.push(chunk.length / 1024)
    expect(sizes).toEqual([256, 256, 88])
    expect(clock.pending).toBe(0)
  })
})
