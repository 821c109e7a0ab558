import { expect, test } from 'bun:test'
import { createModernExchanges } from '../../../src/mcp/modern/exchange.ts'
import { manualClock } from '../../fixtures/clock.ts'

function open() {
  const clock = manualClock()
  let gone = 0
  const client = new AbortController()
  const open = createModernExchanges(clock)
  const exchange = open({ client, familyId: 'f', gone: () => void gone++ })
  return { clock, client, exchange, gone: () => gone }
}

const OUTCOME = { status: 400, text: '{"id":1}' } as const

/** The text of a stream that has ended. */
const read = (body: ReadableStream<Uint8Array>) => new Response(body).text()

test('the outcome alone is JSON, with its own status', async () => {
  const { client, clock, exchange, gone } = open()
  const reply = exchange.respond()
  exchange.end(OUTCOME)
  expect(await reply).toEqual({ kind: 'json', outcome: OUTCOME })
  client.abort()
  await clock.advance(100)
  expect([gone(), clock.pending]).toEqual([0, 0])
})

test('what is said before makes it a stream, without ids to come back with', async () => {
  const { clock, exchange } = open()
  exchange.message('{"n":1}')
  exchange.end(OUTCOME)
  const reply = await exchange.respond()
  if (reply.kind !== 'stream') throw new Error(reply.kind)
  expect(await read(reply.body)).toBe(
    'event: message\ndata: {"n":1}\n\nevent: message\ndata: {"id":1}\n\n',
  )
  await clock.advance(100)
  expect(clock.pending).toBe(0)
})

test('silence makes it a stream that shows life', async () => {
  const { clock, exchange } = open()
  const asked = exchange.respond()
  await clock.advance(5_000)
  const reply = await asked
  if (reply.kind !== 'stream') throw new Error(reply.kind)
  await clock.advance(15_000)
  exchange.end(OUTCOME)
  expect(await read(reply.body)).toBe(': keep-alive\n\nevent: message\ndata: {"id":1}\n\n')
})

test('a client that leaves is reported once, before or in the middle of a stream', async () => {
  const waiting = open()
  const asked = waiting.exchange.respond()
  await waiting.clock.advance(100)
  waiting.client.abort()
  waiting.exchange.message('late')
  waiting.exchange.end(OUTCOME)
  expect(await asked).toEqual({ kind: 'gone' })
  expect([waiting.gone(), waiting.clock.pending]).toEqual([1, 0])

  const streaming = open()
  streaming.exchange.message('{}')
  const reply = await streaming.exchange.respond()
  if (reply.kind !== 'stream') throw new Error(reply.kind)
  await reply.body.cancel()
  expect(streaming.gone()).toBe(1)
  streaming.exchange.message('{}')
  streaming.exchange.end(OUTCOME)
  await streaming.clock.advance(100)
  expect(streaming.clock.pending).toBe(0)
})

test('a client that leaves at once is noticed within a moment, and when its reply becomes a stream', async () => {
  const waiting = open()
  const asked = waiting.exchange.respond()
  waiting.client.abort()
  expect(waiting.gone()).toBe(0)
  await waiting.clock.advance(100)
  expect(await asked).toEqual({ kind: 'gone' })
  expect([waiting.gone(), waiting.clock.pending]).toEqual([1, 0])

  const streaming = open()
  streaming.client.abort()
  streaming.exchange.message('{}')
  expect(await streaming.exchange.respond()).toEqual({ kind: 'gone' })
  expect(streaming.gone()).toBe(1)
})

test('silence is counted from when the reply is asked for: a child that starts slowly is not silent', async () => {
  for (const started of [0, 50, 9_000]) {
    const { clock, exchange } = open()
    await clock.advance(started)
    let kind = ''
    void exchange.respond().then((reply) => {
      kind = reply.kind
    })
    await clock.advance(4_999)
    expect(kind).toBe('')
    await clock.advance(1)
    expect(kind).toBe('stream')
  }
})

test('one whose reply is never asked for leaves nothing behind', async () => {
  const { clock } = open()
  await clock.advance(100)
  expect(clock.pending).toBe(0)
})
