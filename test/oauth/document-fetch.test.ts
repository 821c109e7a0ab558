import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../../src/clock.ts'
import {
  createDocumentFetcher,
  type FetcherOptions,
  isPublicAddress,
} from '../../src/oauth/document-fetch.ts'
import { manualClock } from '../fixtures/clock.ts'
import { selfSigned } from './certificate.ts'

const HOST = 'client.example'
const { cert, key } = selfSigned(HOST)

let server: Bun.Server<undefined>
let answer: (request: Request) => Response | Promise<Response>
let seen: string[] = []

beforeAll(() => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { cert, key },
    fetch(request) {
      seen.push(`${request.headers.get('host')} ${new URL(request.url).pathname}`)
      return answer(request)
    },
  })
})
afterEach(() => {
  seen = []
})
afterAll(() => server.stop(true))

const fetcher = (options: Partial<FetcherOptions> = {}) =>
  createDocumentFetcher({
    clock: systemClock,
    resolve: async () => ['127.0.0.1'],
    mayConnect: (address) => address === '127.0.0.1',
    ca: cert,
    ...options,
  })

const url = (host = HOST) => `https://${host}:${server.port}/client.json`

test('fetches JSON from the judged address under the host’s own name', async () => {
  answer = () => Response.json({ hello: 1 }, { headers: { 'cache-control': 'public, max-age=90' } })
  expect(await fetcher()(url())).toEqual({
    ok: true,
    value: { body: { hello: 1 }, maxAgeMs: 90_000 },
  })
  expect(seen).toEqual([`${HOST}:${server.port} /client.json`])
})

describe('connects nowhere', () => {
  test('when one of the addresses is not public', async () => {
    const reply = await fetcher({ resolve: async () => ['127.0.0.1', '10.0.0.1'] })(url())
    expect(reply).toEqual({ ok: false, error: 'the host has an address that is not public' })
    expect(seen).toEqual([])
  })

  test('on loopback, unless it was told that it may', async () => {
    const judging = createDocumentFetcher({
      clock: systemClock,
      resolve: async () => ['127.0.0.1'],
      ca: cert,
    })
    expect((await judging(url())).ok).toBe(false)
    expect((await createDocumentFetcher({ clock: systemClock })(url('localhost'))).ok).toBe(false)
    expect(seen).toEqual([])
  })

  test('when the name does not resolve', async () => {
    expect((await fetcher({ resolve: async () => [] })(url())).ok).toBe(false)
    const failing = fetcher({ resolve: async () => Promise.reject(new Error('no such name')) })
    expect(await failing(url())).toEqual({ ok: false, error: 'no such name' })
  })
})

describe('takes no answer', () => {
  const refused = async (options?: Partial<FetcherOptions>, host?: string) => {
    const reply = await fetcher(options)(url(host))
    return reply.ok ? 'taken' : reply.error
  }

  test('of another status, and follows no redirect', async () => {
    answer = () => Response.redirect(url(), 302)
    expect(await refused()).toBe('the answer was 302')
    expect(seen).toHaveLength(1)
    answer = () => Response.json({}, { status: 404 })
    expect(await refused()).toBe('the answer was 404')
  })

  test('that is not JSON', async () => {
    answer = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })
    expect(await refused()).toContain('Content-Type')
    answer = () => new Response('{', { headers: { 'content-type': 'application/json' } })
    expect(await refused()).toBe('the answer is not JSON')
  })

  test('that is larger than 64 KiB, at once or in drops', async () => {
    answer = () => Response.json('x'.repeat(70_000))
    expect(await refused()).toBe('it is too large')
    answer = () => {
      const drops = new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(8_192))
        },
      })
      return new Response(drops, { headers: { 'content-type': 'application/json' } })
    }
    expect(await refused()).toBe('it is too large')
  })

  test('that is compressed: a small body may unfold into a huge one', async () => {
    answer = () =>
      new Response(gzipSync('{}'), {
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      })
    expect(await refused()).toBe('the answer is encoded')
  })

  test('under a certificate for another name, or one that nobody signed', async () => {
    answer = () => Response.json({})
    expect(await refused({}, 'other.example')).toContain('altnames')
    expect(await refused({ ca: selfSigned(HOST).cert })).not.toBe('taken')
    expect(seen).toEqual([])
  })

  test('that is not whole within five seconds', async () => {
    const clock = manualClock()
    const gone = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    answer = () => {
      asked.resolve()
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new Uint8Array([0x7b])),
          cancel: () => gone.resolve(),
        }),
        { headers: { 'content-type': 'application/json' } },
      )
    }
    const reply = refused({ clock })
    await asked.promise
    await clock.advance(5_000)
    expect(await reply).toBe('it took too long')
    await gone.promise
    expect(clock.pending).toBe(0)
  })
})

test.each([
  ['93.184.216.34', true],
  ['2606:2800:220:1:248:1893:25c8:1946', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['192.0.2.1', false],
  ['198.18.0.1', false],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fc00::1', false],
  ['ff02::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['64:ff9b::a00:1', false],
  ['2002:7f00:1::', false],
  ['2001:db8::1', false],
  ['::7f00:1', false],
  ['4000::1', false],
  ['not an address', false],
])('%s is public: %p', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})
