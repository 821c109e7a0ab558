import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { DAY_MS } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { type Clients, createClients } from '../../src/oauth/clients.ts'
import { createPolicy } from '../../src/oauth/policy.ts'
import { BROKER_BUSY_MS, openStore, type Store } from '../../src/store/open.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'

const policy = createPolicy({
  publicUrl: 'https://mcp.example.org',
  forgejoUrl: 'https://git.example.org',
  forgejoScopes: ['read:user'],
})

let clock: ManualClock
let store: Store
let clients: Clients

const open = (maxUnasked?: number) =>
  createClients({
    store,
    policy,
    clock,
    log: silentLog,
    fetcher: async () => ({ ok: false, error: 'no network in this test' }),
    ...(maxUnasked === undefined ? {} : { maxUnasked }),
  })

beforeEach(() => {
  clock = manualClock()
  store = openStore({ path: ':memory:', clock, busyTimeoutMs: BROKER_BUSY_MS })
  clients = open()
})
afterEach(() => store.close())

const named = (client_name: string) => ({
  client_name,
  redirect_uris: ['http://localhost:3000/cb', 'https://app.example.org/cb'],
})

function grantSomething(clientId: string) {
  const now = clock.now()
  const { id: accountId } = store.accounts.loggedIn(now, { sub: clientId, login: clientId })
  store.grants.add(now, { id: `grant-${clientId}`, accountId, clientId, scopes: ['read:user'] })
}

describe('registration', () => {
  test('answers what it registered: a public client, whatever was asked', () => {
    const { client, response } = clients.register({
      ...named('App'),
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['authorization_code'],
      anything: 'else',
    })
    expect(response).toEqual({
      client_id: client.id,
      client_id_issued_at: Math.floor(clock.now() / 1000),
      client_name: 'App',
      redirect_uris: ['http://localhost:3000/cb', 'https://app.example.org/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    })
    expect(client.kind).toBe('dynamic')
  })

  test('gives the same client for the same registration, also in another order and later', async () => {
    const first = clients.register(named('App'))
    await clock.advance(DAY_MS)
    const again = clients.register({
      ...named('App'),
      redirect_uris: named('App').redirect_uris.toReversed(),
      scope: 'openid',
    })
    expect(again.client.id).toBe(first.client.id)
    expect(again.response).toEqual(first.response)
    expect(clients.register(named('Other')).client.id).not.toBe(first.client.id)
  })

  test('never gives a revoked client back', async () => {
    const first = clients.register(named('App')).client
    store.clients.revoke(clock.now(), first.id)
    expect(await clients.resolve(first.id)).toEqual({ ok: false, error: 'revoked' })
    const second = clients.register(named('App')).client
    expect(second.id).not.toBe(first.id)
    expect((await clients.resolve(second.id)).ok).toBe(true)
  })

  test('makes no client of a registration that it refuses', () => {
    expect(() => clients.register({ redirect_uris: ['http://evil.example/'] })).toThrow(
      'invalid_redirect_uri',
    )
    expect(store.admin.clients()).toEqual([])
  })

  test('is told to the audit once for each client', () => {
    clients.register(named('App'))
    clients.register(named('App'))
    expect(store.audit.list({ event: 'client.registered', limit: 10 })).toHaveLength(1)
  })
})

describe('beyond the cap', () => {
  test('clients without a grant go first, the oldest first', async () => {
    clients = open(3)
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) {
      ids.push(clients.register(named(name)).client.id)
      await clock.advance(1_000)
    }
    grantSomething(ids[0] as string)
    clients.register(named('d'))
    expect(
      store.admin
        .clients()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'c', 'd'])
  })

  test('a client that registered again counts as new', async () => {
    clients = open(2)
    for (const name of ['a', 'b']) {
      clients.register(named(name))
      await clock.advance(1_000)
    }
    clients.register(named('a'))
    clients.register(named('c'))
    expect(
      store.admin
        .clients()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'c'])
  })

  test('neither the newcomer nor an operator’s client nor a revoked one goes', async () => {
    clients = open(1)
    clients.add({ name: 'by hand', redirectUris: ['https://app.example.org/cb'] })
    const revoked = clients.register(named('revoked')).client
    store.clients.revoke(clock.now(), revoked.id)
    grantSomething(clients.register(named('granted')).client.id)
    await clock.advance(1_000)
    clients.register(named('newcomer'))
    expect(
      store.admin
        .clients()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['by hand', 'granted', 'newcomer', 'revoked'])
  })
})

describe('a client added by hand', () => {
  test('is found by its id and matched by no registration', async () => {
    const added = clients.add({ name: 'App', redirectUris: named('App').redirect_uris })
    expect(added.kind).toBe('preregistered')
    expect(await clients.resolve(added.id)).toEqual({ ok: true, value: added })
    expect(clients.register(named('App')).client.id).not.toBe(added.id)
  })

  test('keeps the rules for redirect URIs', () => {
    expect(() => clients.add({ name: 'App', redirectUris: ['https://a.example/#x'] })).toThrow(
      'invalid_redirect_uri',
    )
  })
})

test('an id that nobody registered is unknown', async () => {
  for (const id of ['', 'client_0', 'http://app.example.org/client.json', '../x'])
    expect(await clients.resolve(id)).toEqual({ ok: false, error: 'unknown' })
})
