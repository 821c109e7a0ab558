import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createConnection, type Socket } from 'node:net'
import { MINUTE_MS } from '../../src/clock.ts'
import { until } from '../fixtures/until.ts'
import { headersOf, message, messagesOf, openPlace, type Peer, type Place } from './place.ts'

const MIB = 1024 * 1024

/** Messages of 1 MiB: more than a connection's queue and the kernel's buffers together hold. */
const SAID = 52

/** For tests that move tens of megabytes on a busy machine. */
const LONG_MS = 30_000

let place: Place
let peer: Peer
const sockets: Socket[] = []

beforeEach(async () => {
  place = openPlace()
  peer = await place.connect()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await place[Symbol.asyncDispose]()
})

const child = () => place.world.spawner.last
const log = (data: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data },
})
const progress = (progressToken: unknown, n: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken, progress: n },
})

/** A client that sends a request and never reads what comes. */
async function deaf(method: string, body = '', more: Record<string, string> = {}) {
  const headers = {
    ...headersOf('alice', peer.sessionId),
    Host: `127.0.0.1:${place.port}`,
    'Content-Length': String(Buffer.byteLength(body)),
    ...more,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const before = place.pending
  let bytes = 0
  let broken = false
  const socket = createConnection(place.port, '127.0.0.1', () => {
    socket.write(`${method} /mcp HTTP/1.1\r\n${head.join('')}\r\n${body}`)
  })
  socket.pause()
  sockets.push(socket)
  const end = () => {
    broken = true
  }
  socket.on('error', end).on('close', end)
  socket.on('data', (data) => {
    bytes += data.length
  })
  await until('asked', () => place.pending > before)
  return {
    /** Reads again until the connection is reset; how many bytes came. */
    async reset(): Promise<number> {
      socket.resume()
      await until('reset', () => broken)
      return bytes
    },
  }
}

test(
  'a reader that stops is dropped when too much waits for it, and can come back',
  async () => {
    const stopped = await deaf('GET')
    for (let i = 0; i < SAID; i++) {
      child().say(log(`${i} ${'x'.repeat(MIB)}`))
      await place.world.clock.settle()
    }
    expect(await stopped.reset()).toBeLessThan(32 * MIB)
    expect(child().alive).toBe(true)
    // What it did not read is told from where it stopped, as far as it is kept.
    const again = await peer.listen('1-1')
    const events = await again.events(3)
    expect(events[1]?.event).toBe('lagged')
    const { dropped } = JSON.parse(events[1]?.data ?? '')
    expect(dropped).toBeGreaterThan(0)
    const said = messagesOf(await again.events(2 + SAID - dropped)).slice(1)
    const numbers = said.map(({ params }) => Number.parseInt(params.data, 10))
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => dropped + i))
    child().say(log('live'))
    expect(messagesOf(await again.events(3 + numbers.length)).at(-1).params.data).toBe('live')
  },
  LONG_MS,
)

test(
  'a reader that stops is dropped when a minute passes in which it takes nothing',
  async () => {
    const stopped = await deaf('GET')
    for (let i = 0; i < 32; i++) child().say(log('x'.repeat(MIB)))
    await place.world.clock.settle()
    const pending = () => place.world.clock.pending
    await place.world.clock.advance(MINUTE_MS - 1)
    const before = pending()
    await place.world.clock.advance(1)
    expect(pending()).toBeLessThan(before)
    expect(await stopped.reset()).toBeLessThan(32 * MIB)
  },
  LONG_MS,
)

test('300 events on a stream that nobody reads leave the last ones to come back for', async () => {
  const call = await startStream()
  const [, first] = await call.events(2)
  call.leave()
  for (let n = 2; n <= 300; n++) child().say(progress(token(), n))
  child().release()
  await place.world.clock.settle()
  expect(child().alive).toBe(true)
  const again = await peer.listen(first?.id)
  await again.text()
  const events = await again.events(258)
  expect(events[1]).toEqual({ event: 'lagged', data: '{"dropped":44}' })
  const said = messagesOf(events.slice(2))
  expect(said.map(({ params }) => params?.progress)).toEqual([
    ...Array.from({ length: 255 }, (_, i) => 46 + i),
    undefined,
  ])
  expect(said.at(-1)).toMatchObject({ id: 1, result: {} })
  // Nothing of it is on another stream.
  const other = await peer.listen()
  child().say(log('next'))
  expect(messagesOf(await other.events(2))).toEqual([log('next')])
})

test('a burst of thousands of events reaches a reader that keeps up', async () => {
  const call = await startStream()
  for (let n = 2; n <= 5000; n++) child().say(progress(token(), n))
  child().release()
  await call.text()
  expect(messagesOf(await call.events(5002))).toHaveLength(5001)
})

test(
  'a large answer as JSON is given up when its reader stops',
  async () => {
    const body = message(
      'tools/call',
      { name: 'echo', arguments: { text: 'x'.repeat(28 * MIB) } },
      1,
    )
    const stopped = await deaf('POST', body)
    await until('called', () => child().methods().includes('tools/call'))
    await place.world.clock.settle()
    await place.world.clock.advance(MINUTE_MS)
    expect(await stopped.reset()).toBeLessThan(28 * MIB)
    expect(await (await peer.call('echo', { n: 1 })).text()).toContain('"n":1')
  },
  LONG_MS,
)

test('a client that goes before its reply has begun leaves nothing behind, and its call goes on', async () => {
  const call = peer.call('hold')
  call.catch(() => {})
  await until('called', () => child().owed === 1)
  const listening = await peer.listen()
  await deaf('POST', message('tools/call', { name: 'hold' }, 9))
  await until('called', () => child().owed === 2)
  for (const socket of sockets.splice(0)) socket.destroy()
  await until('noticed', () => place.pending === 2)
  child().release()
  await (await call).text()
  child().say(log('nobody else to hear it'))
  expect(messagesOf(await listening.events(2))).toEqual([log('nobody else to hear it')])
  expect(child().received.filter(({ method }) => method === 'notifications/cancelled')).toEqual([])
  expect(child().owed).toBe(0)
})

const token = () =>
  (child().received.at(-1)?.params?._meta as { progressToken?: number } | undefined)?.progressToken

/** A call whose reply is a stream by its first progress. */
async function startStream() {
  const call = peer.call('hold', {}, { id: 1, _meta: { progressToken: 'mine' } })
  await until('called', () => child().owed === 1)
  child().say(progress(token(), 1))
  return await call
}
