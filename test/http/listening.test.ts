import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { createHttpKit, type HttpKit, json } from './kit.ts'

let kit: HttpKit
let server: Bun.Server<undefined>

beforeEach(() => {
  kit = createHttpKit({
    config: { publicUrl: 'http://localhost:8080', trustedProxies: ['127.0.0.1/32'] },
  })
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, own) {
      kit.app.server ??= own
      return kit.app.fetch(request)
    },
  })
})
afterEach(async () => {
  await server.stop(true)
  kit.close()
})

/** What the server answers to these very bytes. */
async function raw(request: string): Promise<string> {
  const answer = Promise.withResolvers<string>()
  const socket = connect(server.port ?? 0, '127.0.0.1', () => socket.write(request))
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('close', () => answer.resolve(text))
  socket.on('error', answer.reject)
  return await answer.promise
}

const statusOf = async (line: string, ...headers: string[]) =>
  Number(
    (await raw([`${line} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'))).split(
      ' ',
    )[1],
  )

describe('over a socket', () => {
  test('a path is what was sent, whatever the Host header and the query look like', async () => {
    expect(await statusOf('GET /?x/mcp', 'Host: localhost')).toBe(200)
    expect(await statusOf('GET /nope?/oauth/authorize', 'Host: localhost')).toBe(404)
    expect(await statusOf('GET //mcp', 'Host: localhost')).toBe(404)
    expect(await statusOf('GET http://evil.example/mcp', 'Host: localhost')).toBe(401)
  })

  test.each(['a"b<c>', 'evil.example', 'localhost/mcp', 'x@localhost', 'h', ''])(
    'Host %p opens nothing but health',
    async (host) => {
      expect(await statusOf('GET /mcp', `Host: ${host}`)).toBe(403)
      expect(await statusOf('GET /healthz?aaaaaaaa/mcp', `Host: ${host}`)).toBe(200)
      expect(await statusOf('GET /healthz', `Host: ${host}`)).toBe(200)
    },
  )

  test('a health check of HTTP/1.0 without a Host is answered', async () => {
    expect(await raw('GET /healthz HTTP/1.0\r\n\r\n')).toStartWith('HTTP/1.1 200')
  })

  test('HEAD has the headers of GET and no body', async () => {
    const answer = await raw('HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect(answer).toStartWith('HTTP/1.1 200')
    expect(answer).toEndWith('\r\n\r\n')
    expect(answer.toLowerCase()).toContain('content-security-policy')
  })

  test('a preflight answers with no body and every header', async () => {
    const answer = await fetch(`${server.url}mcp`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:6274', 'access-control-request-method': 'POST' },
    })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:6274')
  })

  test('the peer’s address is known, so its proxy header counts', async () => {
    const register = async (client: string) => {
      const answer = await fetch(
        `${server.url}oauth/register`,
        json({}, { 'x-forwarded-for': client }),
      )
      await answer.body?.cancel()
      return answer.status
    }
    for (let n = 0; n < 60; n++) expect(await register('198.51.100.1')).toBe(400)
    expect(await register('198.51.100.1')).toBe(429)
    expect(await register('198.51.100.2')).toBe(400)
  })
})
