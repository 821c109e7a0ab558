import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { isDocumentUrl } from '../../src/oauth/cimd.ts'
import { type Clients, createClients } from '../../src/oauth/clients.ts'
import type { FetchedDocument } from '../../src/oauth/document-fetch.ts'
import { createPolicy } from '../../src/oauth/policy.ts'
import type { Result } from '../../src/result.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'

const URL_ = 'https://app.example.org/client.json'
const document = {
  client_id: URL_,
  client_name: 'App',
  redirect_uris: ['https://app.example.org/cb'],
}
const served = (body: unknown, maxAgeMs?: number): Result<FetchedDocument, string> => ({
  ok: true,
  value: { body, maxAgeMs },
})
const down: Result<FetchedDocument, string> = { ok: false, error: 'down' }

let clock: ManualClock
let store: Store
let clients: Clients
let reply: (
  url: string,
) => Result<FetchedDocument, string> | Promise<Result<FetchedDocument, string>>
let fetched: string[]

beforeEach(() => {
  clock = manualClock()
  store = openStore({ path: ':memory:', clock, busyTimeoutMs: BROKER_BUSY_MS })
  fetched = []
  reply = () => served(document)
  clients = createClients({
    store,
    policy: createPolicy({
      publicUrl: 'https://mcp.example.org',
      forgejoUrl: 'https://git.example.org',
      forgejoScopes: ['read:user'],
    }),
    clock,
    log: silentLog,
    maxUnasked: 2,
    fetcher: async (url) => {
      fetched.push(url)
      return reply(url)
    },
  })
})
afterEach(() => store.close())

test('a document’s URL is a client with what the document says', async () => {
  expect(await clients.resolve(URL_)).toEqual({
    ok: true,
    value: { id: URL_, kind: 'document', name: 'App', redirectUris: document.redirect_uris },
  })
})

test('everyone who asks at the same time shares one fetch', async () => {
  const gate = Promise.withResolvers<void>()
  reply = async () => {
    await gate.promise
    return served(document)
  }
  const asking = [clients.resolve(URL_), clients.resolve(URL_), clients.resolve(URL_)]
  gate.resolve()
  for (const answer of await Promise.all(asking)) expect(answer.ok).toBe(true)
  expect(fetched).toHaveLength(1)
})

describe('a known document', () => {
  test('is asked for again after an hour, or when its max-age says so', async () => {
    await clients.resolve(URL_)
    await clock.advance(HOUR_MS - 1)
    await clients.resolve(URL_)
    expect(fetched).toHaveLength(1)
    reply = () => served({ ...document, client_name: 'New name' }, 2 * HOUR_MS)
    await clock.advance(1)
    expect(await clients.resolve(URL_)).toMatchObject({ value: { name: 'New name' } })
    await clock.advance(2 * HOUR_MS - 1)
    await clients.resolve(URL_)
    expect(fetched).toHaveLength(2)
  })

  test('is not fetched at every turn, and not kept for ever, whatever it asks for', async () => {
    reply = () => served(document, 0)
    await clients.resolve(URL_)
    await clock.advance(5 * MINUTE_MS - 1)
    await clients.resolve(URL_)
    expect(fetched).toHaveLength(1)
    reply = () => served(document, 365 * DAY_MS)
    await clock.advance(1)
    await clients.resolve(URL_)
    await clock.advance(DAY_MS)
    await clients.resolve(URL_)
    expect(fetched).toHaveLength(3)
  })

  test('serves stale for seven days while it cannot be fetched or makes no sense', async () => {
    await clients.resolve(URL_)
    for (const trouble of [down, served('<html>'), served({ ...document, client_id: 'other' })]) {
      reply = () => trouble
      await clock.advance(DAY_MS)
      expect((await clients.resolve(URL_)).ok).toBe(true)
    }
    reply = () => down
    await clock.advance(4 * DAY_MS)
    expect((await clients.resolve(URL_)).ok).toBe(true)
    await clock.advance(30 * SECOND_MS)
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'unreachable' })
    reply = () => served(document)
    await clock.advance(30 * SECOND_MS)
    expect((await clients.resolve(URL_)).ok).toBe(true)
  })

  test('that was revoked stays revoked, and is not fetched again', async () => {
    await clients.resolve(URL_)
    store.clients.revoke(clock.now(), URL_)
    await clock.advance(DAY_MS)
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'revoked' })
    expect(fetched).toHaveLength(1)
  })

  test('that is revoked during its fetch is revoked', async () => {
    await clients.resolve(URL_)
    await clock.advance(DAY_MS)
    reply = () => {
      store.clients.revoke(clock.now(), URL_)
      return served(document)
    }
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'revoked' })
  })
})

describe('an unknown document', () => {
  test('that fails is not fetched again for half a minute', async () => {
    reply = () => down
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'unreachable' })
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'unreachable' })
    expect(fetched).toHaveLength(1)
    reply = () => served(document)
    await clock.advance(30 * SECOND_MS)
    expect((await clients.resolve(URL_)).ok).toBe(true)
  })

  test.each([
    ['another client_id', { ...document, client_id: `${URL_}?` }],
    ['a shared secret', { ...document, token_endpoint_auth_method: 'client_secret_post' }],
    ['an unfit redirect URI', { ...document, redirect_uris: ['http://evil.example/'] }],
    ['no object', [document]],
  ])('with %s is invalid', async (_what, body) => {
    reply = () => served(body)
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'invalid' })
    expect(store.admin.clients()).toEqual([])
  })

  test('is refused while very many are being fetched', async () => {
    const gate = Promise.withResolvers<Result<FetchedDocument, string>>()
    reply = () => gate.promise
    const asking = Array.from({ length: 16 }, (_, n) => clients.resolve(`https://a.example/${n}`))
    expect(await clients.resolve(URL_)).toEqual({ ok: false, error: 'unreachable' })
    gate.resolve(down)
    await Promise.all(asking)
    expect(fetched).toHaveLength(16)
  })

  test('counts against the cap of clients that no operator added', async () => {
    for (const path of ['a', 'b', 'c']) {
      const url = `https://app.example.org/${path}`
      reply = () => served({ ...document, client_id: url })
      await clients.resolve(url)
      await clock.advance(SECOND_MS)
    }
    expect(
      store.admin
        .clients()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['https://app.example.org/b', 'https://app.example.org/c'])
  })
})

describe('no document can be at', () => {
  test.each([
    'http://app.example.org/client.json',
    'https://app.example.org',
    'https://app.example.org/',
    'https://app.example.org/a/../client.json',
    'https://app.example.org/./client.json',
    'https://app.example.org/a/%2e%2e/client.json',
    'https://app.example.org/client.json#x',
    'https://app.example.org/client.json#',
    'https://user@app.example.org/client.json',
    'https://@app.example.org/client.json',
    'https://APP.example.org/client.json',
    'https://app.example.org:443/client.json',
    'https://app.example.org\\client.json',
    'https://app.example.org/client.json\n',
    'https://ex\u00e4mple.org/client.json',
    'https://localhost/client.json',
    'https://127.0.0.1/client.json',
    'https://0x7f.1/client.json',
    'https://[::1]/client.json',
    'https://a;b.example/client.json',
    `https://app.example.org/${'a'.repeat(1_000)}`,
  ])('%s', async (url) => {
    expect(isDocumentUrl(url)).toBe(false)
    if (!url.startsWith('https://')) return
    expect(await clients.resolve(url)).toEqual({ ok: false, error: 'invalid' })
    expect(fetched).toEqual([])
  })

  test('but it may have a port and a query', () => {
    expect(isDocumentUrl('https://app.example.org:8443/client.json?v=1')).toBe(true)
  })
})
