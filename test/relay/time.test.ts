import { expect, test } from 'bun:test'
import { openFlight } from '../../src/relay/flight.ts'
import { forward } from '../../src/relay/forward.ts'
import { manualClock } from '../fixtures/clock.ts'
import { type Bench, bench, until } from './harness.ts'

const never = () => new Promise<Response>(() => {})

/** Sends headers and a first byte, then nothing. */
const stalling: Bench['handler'] = () =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array([1])),
    }),
  )

const post = { method: 'POST', body: '{}' }

test('a read has a minute for its headers', async () => {
  await using b = bench(never)
  const asked = b.ask(await b.child(), '/api/v1/user')
  await until(() => b.seen.length === 1)
  await b.clock.advance(59_000)
  expect(await Promise.race([asked, Bun.sleep(20)])).toBeUndefined()
  await b.clock.advance(1_000)
  expect((await asked).status).toBe(504)
  await b.seen[0]?.gone
})

test('a write has the call timeout', async () => {
  await using b = bench(never, { callTimeoutMs: 100_000 })
  const asked = b.ask(await b.child(), '/api/v1/repos/a/b/issues', post)
  await until(() => b.seen.length === 1)
  await b.clock.advance(99_000)
  expect(await Promise.race([asked, Bun.sleep(20)])).toBeUndefined()
  await b.clock.advance(1_000)
  expect((await asked).status).toBe(504)
})

test('a body that falls silent for a minute is given up', async () => {
  await using b = bench(stalling)
  const response = await b.ask(await b.child(), '/attachments/0d0e')
  const read = response.text().catch(() => 'broken off')
  await Bun.sleep(20)
  await b.clock.advance(59_000)
  expect(await Promise.race([read, Bun.sleep(20)])).toBeUndefined()
  await b.clock.advance(1_000)
  expect(await read).toBe('broken off')
  await b.seen[0]?.gone
})

test('a body that keeps dripping still ends with the call timeout', async () => {
  await using b = bench(
    () =>
      new Response(
        (async function* () {
          for (;;) {
            yield new Uint8Array([1])
            await Bun.sleep(1)
          }
        })(),
      ),
    { callTimeoutMs: 120_000 },
  )
  const response = await b.ask(await b.child(), '/attachments/0d0e')
  const read = response.text().catch(() => 'broken off')
  for (let n = 0; n < 4; n++) {
    await b.clock.advance(30_000)
    await Bun.sleep(5)
  }
  expect(await read).toBe('broken off')
  await b.seen[0]?.gone
})

test('an error or a listing whose body falls silent is answered in its place', async () => {
  await using b = bench((seen, request) => {
    const stalled = stalling(seen, request) as Response
    return seen.target.endsWith('/assets') ? stalled : new Response(stalled.body, { status: 500 })
  })
  const child = await b.child()
  const error = b.ask(child, '/api/v1/user')
  const listing = b.ask(child, '/api/v1/repos/a/b/issues/1/assets')
  await until(() => b.seen.length === 2)
  await Bun.sleep(20)
  await b.clock.advance(60_000)
  expect((await error).status).toBe(500)
  expect((await listing).status).toBe(504)
})

test('a Forgejo that is not there is 503 with Retry-After', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = () => {
    throw new Error('never reached')
  }
  await b.closeUpstream()
  for (const init of [{}, post]) {
    const response = await b.ask(child, '/api/v1/user', init)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
  }
})

test('when all is done no timer is left', async () => {
  await using b = bench()
  const child = await b.child()
  for (const init of [{}, post, { method: 'HEAD' }])
    await (await b.ask(child, '/api/v1/user', init)).text()
  b.handler = () => new Response('no', { status: 500 })
  await b.ask(child, '/api/v1/user')
  b.handler = () => new Response(null, { status: 302, headers: { location: 'http://x.example' } })
  await b.ask(child, '/api/v1/user')
  b.handler = () => new Response(null, { status: 401 })
  await b.ask(child, '/api/v1/user')
  expect(b.clock.pending).toBe(0)
})

test('every fetch is told not to follow, not to unpack, and to leave the time to us', async () => {
  const inits: BunFetchRequestInit[] = []
  const flight = openFlight(manualClock(), 1_000, () => {})
  const ask = (method: string) =>
    forward(
      async (_, init) => {
        inits.push(init)
        return new Response()
      },
      flight,
      { method, url: 'http://127.0.0.1:1/', headers: new Headers(), body: undefined },
      1_000,
    )
  await ask('GET')
  await ask('POST')
  const common = { redirect: 'manual', decompress: false, timeout: false }
  expect(inits[0]).toMatchObject({ ...common, keepalive: true })
  expect(inits[1]).toMatchObject({ ...common, keepalive: false })
})

test('stopping ends reads at once and lets a write finish', async () => {
  const b = bench(never)
  const child = await b.child()
  b.ask(child, '/api/v1/user').catch(() => {})
  await until(() => b.seen.length === 1)
  const go = Promise.withResolvers<Response>()
  b.handler = () => go.promise
  b.ask(child, '/api/v1/repos/a/b/issues', post).catch(() => {})
  await until(() => b.seen.length === 2)
  const stopped = b.relay.stop().then(() => 'stopped')
  await b.seen[0]?.gone
  expect(await Promise.race([stopped, b.seen[1]?.gone, Bun.sleep(20)])).toBeUndefined()
  go.resolve(new Response('done'))
  expect(await stopped).toBe('stopped')
  await b[Symbol.asyncDispose]()
})

test('a version that is being asked for when the relay stops is not waited for', async () => {
  const b = bench(never)
  const child = await b.child()
  await b.ask(child, '/api/v1/version')
  await until(() => b.seen.length === 1)
  await b.relay.stop()
  await b.seen[0]?.gone
  await b[Symbol.asyncDispose]()
})

test('what waits for a place when the relay stops is never sent', async () => {
  const b = bench(never)
  const child = await b.child()
  for (let n = 0; n < 16; n++) b.ask(child, '/api/v1/user').catch(() => {})
  await until(() => b.seen.length === 16)
  await b.ask(child, '/api/v1/version')
  b.ask(child, '/api/v1/repos/a/b/issues', post).catch(() => {})
  await Bun.sleep(20)
  await b.relay.stop()
  await b.clock.settle()
  await Bun.sleep(20)
  expect(b.seen).toHaveLength(16)
  await b[Symbol.asyncDispose]()
})

test('a write that does not finish within the shutdown grace is cut', async () => {
  const b = bench(never)
  const child = await b.child()
  b.ask(child, '/api/v1/repos/a/b/issues', post).catch(() => {})
  await until(() => b.seen.length === 1)
  const stopped = b.relay.stop()
  await b.clock.advance(10_000)
  await stopped
  await b.seen[0]?.gone
  await b[Symbol.asyncDispose]()
})
