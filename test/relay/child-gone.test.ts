import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { bench, later, ready, until } from './harness.ts'

const never = () => new Promise<Response>(() => {})

test('a read whose child hangs up is aborted upstream', async () => {
  await using b = bench(never)
  const child = await b.child()
  const controller = new AbortController()
  const asked = b.ask(child, '/api/v1/user', { signal: controller.signal }).catch(() => 'aborted')
  await until(() => b.seen.length === 1)
  controller.abort()
  await b.seen[0]?.gone
  expect(await asked).toBe('aborted')
})

test('a read whose child hangs up in the middle of the body is aborted upstream', async () => {
  await using b = bench(
    () =>
      new Response(
        (async function* () {
          for (;;) {
            yield new Uint8Array(65_536)
            await Bun.sleep(1)
          }
        })(),
      ),
  )
  const reader = (await b.ask(await b.child(), '/attachments/0d0e')).body?.getReader()
  await reader?.read()
  await reader?.cancel()
  await b.seen[0]?.gone
  await b.clock.settle()
  expect(b.clock.pending).toBe(0)
})

test('a read whose pass dies is aborted upstream', async () => {
  await using b = bench(never)
  const child = await b.child()
  const asked = b.ask(child, '/api/v1/user')
  await until(() => b.seen.length === 1)
  child.release()
  await b.seen[0]?.gone
  expect((await asked).status).toBe(503)
})

test('writes whose child is gone run to their end and give their places back', async () => {
  await using b = bench()
  const child = await b.child()
  const go = Promise.withResolvers<void>()
  let finished = 0
  b.handler = async () => {
    await go.promise
    finished++
    return new Response('y'.repeat(300_000))
  }
  const controller = new AbortController()
  for (let n = 0; n < 16; n++)
    b.ask(child, '/api/v1/repos/a/b/issues', {
      method: 'POST',
      body: '{}',
      signal: controller.signal,
    }).catch(() => {})
  await until(() => b.seen.length === 16)
  child.release()
  controller.abort()
  await Bun.sleep(20)
  go.resolve()
  await until(() => finished === 16)
  expect(await Promise.race([b.seen[0]?.gone, Bun.sleep(20).then(() => 'whole')])).toBe('whole')
  const next = await b.child()
  expect((await b.ask(next, '/api/v1/user')).status).toBe(200)
})

test('the answer to a write is read to its end although its child left in the middle', async () => {
  await using b = bench()
  const child = await b.child()
  const finished = Promise.withResolvers<void>()
  b.handler = () =>
    new Response(
      (async function* () {
        for (let n = 0; n < 500; n++) yield new Uint8Array(65_536)
        finished.resolve()
      })(),
    )
  const response = await b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body: '{}' })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  await finished.promise
})

test('a write cut short by its child’s death is never completed upstream', async () => {
  await using b = bench()
  const { credential } = await b.child()
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = connect(b.relay.port, '127.0.0.1', () => {
    socket.write(
      `POST /api/v1/repos/a/b/issues HTTP/1.1\r\nHost: 127.0.0.1:${b.relay.port}\r\n` +
        `Authorization: token ${credential}\r\nContent-Length: 5000000\r\n\r\nshort`,
    )
  })
  socket.on('close', () => resolve())
  b.handler = (seen) => {
    if (seen.method === 'POST') socket.destroy()
    return undefined
  }
  await promise
  await until(() => b.seen[1]?.body === '[cut]')
})

test('nothing is sent for a child that went while its token was being renewed', async () => {
  await using b = bench()
  const child = await b.child()
  b.vault.current = later
  b.vault.next = ready('token-two')
  const asked = b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body: '{}' })
  b.vault.onRenew = async () => child.release()
  await asked.catch(() => {})
  expect(b.vault.calls).toEqual(['renew'])
  expect(b.seen).toHaveLength(0)
})
