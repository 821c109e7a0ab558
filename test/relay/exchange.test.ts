import { expect, test } from 'bun:test'
import { MAX_HELD_BYTES } from '../../src/relay/exchange.ts'
import { bench, rawRequest } from './harness.ts'

test('of a child’s headers only what Forgejo needs is forwarded', async () => {
  await using b = bench()
  const child = await b.child()
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'gzip',
    'content-type': 'application/json',
    range: 'bytes=0-1',
    'if-none-match': '"x"',
    'user-agent': 'forgejo-mcp/2',
    sudo: 'root',
    cookie: 'i_like_forgejo=1',
    'x-forwarded-for': '127.0.0.1',
    'x-forgejo-otp': '1',
  }
  await b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body: '{"a":1}', headers })
  const got = Object.fromEntries(b.seen[0]?.headers ?? [])
  expect(got).toEqual({
    accept: 'application/json',
    'accept-encoding': 'gzip',
    authorization: 'token token-one',
    'content-length': '7',
    'content-type': 'application/json',
    host: new URL(b.upstream).host,
    'if-none-match': '"x"',
    range: 'bytes=0-1',
    'user-agent': 'forgejo-mcp/2',
  })
  expect(b.seen[0]?.body).toBe('{"a":1}')
})

test('no encoding is asked for that the child did not ask for', async () => {
  await using b = bench()
  const { credential } = await b.child()
  const head = `GET /api/v1/user HTTP/1.1\r\nHost: 127.0.0.1:${b.relay.port}\r\n`
  await rawRequest(
    b.relay.port,
    `${head}Authorization: token ${credential}\r\nConnection: close\r\n\r\n`,
  )
  expect(b.seen[0]?.headers.get('accept-encoding')).toBe('identity')
})

test('cookies and hop-by-hop headers of Forgejo’s stay behind, paging and caching pass', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = () =>
    new Response('[]', {
      headers: {
        'content-type': 'application/json',
        'set-cookie': 'session=1',
        'keep-alive': 'timeout=5',
        'www-authenticate': 'Basic',
        'x-secret': '1',
        'x-total-count': '7',
        etag: '"e"',
        link: '<https://forge.example/api/v1/user/repos?page=2>; rel="next"',
      },
    })
  const { headers } = await b.ask(child, '/api/v1/user/repos')
  for (const name of ['set-cookie', 'keep-alive', 'www-authenticate', 'x-secret'])
    expect([name, headers.get(name)]).toEqual([name, null])
  expect(headers.get('x-total-count')).toBe('7')
  expect(headers.get('etag')).toBe('"e"')
  expect(headers.get('link')).toBe(`<${b.base}/api/v1/user/repos?page=2>; rel="next"`)

  b.handler = () =>
    new Response('[]', { headers: { link: '<http://192.168.0.1/?page=2>; rel="next"' } })
  expect((await b.ask(child, '/api/v1/user/repos')).headers.get('link')).toBeNull()
})

test('a compressed body passes as it is', async () => {
  await using b = bench()
  const child = await b.child()
  const packed = Bun.gzipSync('hello '.repeat(1_000))
  b.handler = () => new Response(packed, { headers: { 'content-encoding': 'gzip' } })
  const headers = { 'accept-encoding': 'gzip' }
  const response = await b.ask(child, '/api/v1/user', { headers, decompress: false })
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from(packed))
})

test('HEAD, 204 and 304 have their headers and no body', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = () => new Response('x'.repeat(1_234))
  const head = await b.ask(child, '/attachments/0d0e', { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe('1234')
  b.handler = () => new Response(null, { status: 204 })
  const gone = await b.ask(child, '/api/v1/repos/a/b/issues/1', { method: 'DELETE' })
  expect([gone.status, await gone.text()]).toEqual([204, ''])
  b.handler = () => new Response(null, { status: 304, headers: { etag: '"e"' } })
  const same = await b.ask(child, '/api/v1/user')
  expect([same.status, same.headers.get('etag')]).toEqual([304, '"e"'])
})

test('a body is handed on while it is still coming', async () => {
  await using b = bench()
  const child = await b.child()
  const rest = Promise.withResolvers<void>()
  b.handler = () =>
    new Response(
      (async function* () {
        yield new TextEncoder().encode('first ')
        await rest.promise
        yield new TextEncoder().encode('second')
      })(),
    )
  const reader = (await b.ask(child, '/attachments/0d0e')).body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('first ')
  rest.resolve()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('second')
})

test('a body that breaks off breaks off for the child too', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode('abc'))
          await Bun.sleep(20)
          controller.error(new Error('broken'))
        },
      }),
    )
  const response = await b.ask(child, '/attachments/0d0e')
  await expect(response.text()).rejects.toThrow()
})

test('a long body is streamed, after the token has been found good', async () => {
  await using b = bench()
  const child = await b.child()
  const body = 'x'.repeat(MAX_HELD_BYTES + 1)
  const response = await b.ask(child, '/api/v1/repos/a/b/releases/1/assets', {
    method: 'POST',
    body,
  })
  expect(response.status).toBe(200)
  expect(b.seen.map(({ target }) => target)).toEqual([
    '/api/v1/version',
    '/api/v1/repos/a/b/releases/1/assets',
  ])
  expect(b.seen[1]?.headers.get('content-length')).toBe(String(body.length))
  expect(b.seen[1]?.body === body).toBe(true)
})

test('a body of unknown length is probed for, and arrives whole', async () => {
  await using b = bench()
  const child = await b.child()
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('hello '))
      controller.enqueue(new TextEncoder().encode('world'))
      controller.close()
    },
  })
  await b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body })
  expect(b.seen.map(({ target, body }) => [target, body])).toEqual([
    ['/api/v1/version', ''],
    ['/api/v1/repos/a/b/issues', 'hello world'],
  ])
})
