import { expect, test } from 'bun:test'
import { openModernExchange } from '../../../src/mcp/modern/exchange.ts'
import { manualClock } from '../../fixtures/clock.ts'

function open() {
  const clock = manualClock()
  let gone = 0
  const exchange = openModernExchange({ clock, familyId: 'f', gone: () => void gone++ })
  return { clock, exchange, gone: () => gone }
}

const OUTCOME = { status: 400, text: '{"id":1}' } as const

/** The text of a stream that has ended. */
const read = (body: ReadableStream<Uint8Array>) => new Response(body).text()

test('the outcome alone is JSON, with its own status', async () => {
  const { clock, exchange, gone } = open()
  const reply = exchange.respond()
  exchange.end(OUTCOME)
  expect(await reply).toEqual({ kind: 'json', outcome: OUTCOME })
  exchange.disconnect()
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
  waiting.exchange.disconnect()
  waiting.exchange.disconnect()
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
  expect(streaming.clock.pending).toBe(0)
})
