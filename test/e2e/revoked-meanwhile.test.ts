import { expect, test } from 'bun:test'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { bearer, hello } from './wire.ts'
import { openWorld } from './world.ts'

test('a login that is revoked while its request comes in is refused, though it was verified a moment ago', async () => {
  await using world = await openWorld({ program: FROM_SOURCE })
  const alice = await world.login('alice')
  const bytes = new TextEncoder().encode(
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello() }),
  )
  const url = new URL(world.mcpUrl)
  const heard = Promise.withResolvers<string>()
  const socket = await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: { data: (_socket, chunk) => heard.resolve(String(chunk)) },
  })
  const fields = { Host: url.host, ...bearer(alice), 'Content-Length': String(bytes.length) }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST ${url.pathname} HTTP/1.1\r\n${head.join('')}\r\n`)
  socket.write(bytes.slice(0, 10))
  socket.flush()
  // The same token is good meanwhile, so it is remembered when it is revoked.
  await alice.open()
  const revoked = await fetch(new URL('/oauth/revoke', url), {
    method: 'POST',
    body: new URLSearchParams({ token: alice.tokens.access_token, client_id: alice.clientId }),
  })
  expect(revoked.status).toBe(200)
  socket.write(bytes.slice(10))
  expect((await heard.promise).split('\r\n')[0]).toBe('HTTP/1.1 401 Unauthorized')
  socket.end()
})
