import { describe, expect, test } from 'bun:test'
import { createDirectAccess } from '../../src/relay/direct.ts'
import { ALL_SCOPES, type Bench, bench, later, ready, until, VERSION } from './harness.ts'

const open = (b: Bench) => b.relay.open({ accountId: 'acc_1', scopes: ALL_SCOPES, leased: true })
const newer = JSON.stringify({ version: '16.0.0' })

describe('opening a child’s access', () => {
  test('a known version needs neither the vault nor Forgejo', async () => {
    await using b = bench()
    b.vault.current = later
    await b.closeUpstream()
    const opened = await open(b)
    if (!opened.ok) throw new Error(opened.error.reason)
    expect(b.vault.calls).toEqual([])
    const version = await b.ask(opened.value, '/api/v1/version')
    expect(await version.text()).toBe(VERSION)
    expect((await b.ask(opened.value, '/api/v1/user')).status).toBe(503)
  })

  test('the first version is learnt with the account’s token, and kept', async () => {
    await using b = bench(() => new Response(VERSION), { version: undefined })
    b.vault.current = later
    b.vault.next = ready('token-two')
    expect((await open(b)).ok).toBe(true)
    expect(b.vault.calls).toEqual(['renew'])
    expect(b.seen[0]?.headers.get('authorization')).toBe('token token-two')
    expect(b.fact).toEqual({ value: VERSION, writes: 1 })
    expect((await open(b)).ok).toBe(true)
    expect(b.seen).toHaveLength(1)
  })

  test('without a version a Forgejo that is down, slow or odd means: later', async () => {
    for (const handler of [
      () => new Response('<html>', { status: 502 }),
      () => new Response('<html>are you a robot?</html>'),
      () => new Response(null, { status: 302, headers: { location: '/x' } }),
      () => Response.json({ name: 'not a version' }),
      () => new Response('x'.repeat(10_000)),
    ]) {
      await using b = bench(handler, { version: undefined })
      const opened = await open(b)
      expect(opened).toMatchObject({ ok: false, error: { kind: 'later', retryAfterMs: 5_000 } })
      expect(b.fact.writes).toBe(0)
      expect(b.clock.pending).toBe(0)
    }
    await using b = bench(() => new Promise(() => {}), { version: undefined })
    const opening = open(b)
    await until(() => b.seen.length === 1)
    await b.clock.advance(10_000)
    expect(await opening).toMatchObject({ ok: false, error: { kind: 'later' } })
  })

  test('a dead vault means: log in; one that cannot renew: later, or the operator', async () => {
    await using b = bench(undefined, { version: undefined })
    b.vault.current = later
    b.vault.next = later
    expect(await open(b)).toEqual({
      ok: false,
      error: { kind: 'later', reason: 'Forgejo is down', retryAfterMs: 7_000 },
    })
    b.vault.next = { kind: 'later', reason: 'secret wrong', retryAfterMs: 1, operator: true }
    expect(await open(b)).toMatchObject({ error: { kind: 'operator', reason: 'secret wrong' } })
    b.vault.current = { kind: 'dead', reason: 'revoked' }
    expect(await open(b)).toEqual({ ok: false, error: { kind: 'login', reason: 'revoked' } })
    expect(b.seen).toHaveLength(0)
  })

  test('a vault that turns out dead, and an account that Forgejo locks out', async () => {
    await using b = bench(() => new Response(null, { status: 401 }), { version: undefined })
    b.vault.next = { kind: 'dead', reason: 'expired' }
    expect(await open(b)).toEqual({ ok: false, error: { kind: 'login', reason: 'expired' } })
    b.vault.current = ready('token-one')
    b.handler = () => Response.json({ message: 'You must change your password.' }, { status: 403 })
    expect(await open(b)).toMatchObject({ error: { kind: 'operator' } })
  })
})

describe('the version', () => {
  test('is asked for again in the background after 30 s, and an error changes nothing', async () => {
    await using b = bench(() => new Response(newer))
    const child = await b.child()
    const version = async () => (await b.ask(child, '/api/v1/version')).text()
    expect(await version()).toBe(VERSION)
    await until(() => b.fact.value === newer)
    await b.clock.settle()
    expect(await version()).toBe(newer)
    expect(b.seen).toHaveLength(1)

    b.handler = () => new Response('<html>', { status: 503 })
    await b.clock.advance(30_000)
    expect(await version()).toBe(newer)
    await until(() => b.seen.length === 2 && b.clock.pending === 0)
    expect(await version()).toBe(newer)
    b.handler = () => new Response(newer)
    await b.clock.advance(30_000)
    await version()
    await until(() => b.seen.length === 3 && b.clock.pending === 0)
    expect(b.fact).toEqual({ value: newer, writes: 1 })
  })

  test('is not asked for while the account’s token is not ready', async () => {
    await using b = bench()
    const child = await b.child()
    b.vault.current = later
    expect(await (await b.ask(child, '/api/v1/version')).text()).toBe(VERSION)
    expect([b.seen.length, b.vault.calls.length]).toEqual([0, 0])
  })
})

describe('what a child says', () => {
  const wrapped = (b: Bench, url: string) => `${b.base}/_/${Buffer.from(url).toString('base64url')}`

  test('loses its pass and the account’s tokens, as they are then', async () => {
    await using b = bench()
    const child = await b.child()
    b.vault.secretsOf = ['token-two', 'token-one']
    expect(child.secrets()).toEqual([child.credential, 'token-two', 'token-one'])
    expect(child.clean(`a ${child.credential} b token-one c token-two`)).toBe(
      'a [redacted] b [redacted] c [redacted]',
    )
  })

  test('loses them however long it is', async () => {
    await using b = bench()
    const child = await b.child()
    b.vault.secretsOf = ['token-two', 'token-one']
    const long = 'ü'.repeat(100_000)
    expect(child.clean(long)).toBe(long)
    expect(child.clean(`${long}token-one`)).toBe(`${long}[redacted]`)
    expect(child.clean(`${long}${child.credential}`)).toBe(`${long}[redacted]`)
    expect(child.clean(`${long}${b.base}/x`)).toBe(`${long}https://forge.example/x`)
  })

  test('has Forgejo’s URLs in place of the relay’s', async () => {
    await using b = bench()
    const { clean } = await b.child()
    const original = 'https://forge.example/attachments/0d0e?a=1&b=é'
    expect(clean(`Get "${b.base}/api/v1/user": EOF`)).toBe(
      'Get "https://forge.example/api/v1/user": EOF',
    )
    expect(clean(`see ${wrapped(b, original)}, or ${b.base}.`)).toBe(
      `see ${original}, or https://forge.example.`,
    )
    expect(clean(`${b.base}0/x`)).toBe(`${b.base}0/x`)
    expect(clean(`${b.base}/_/A!`)).toBe('https://forge.example/_/A!')
  })

  test('stays JSON at any depth, whatever was wrapped', async () => {
    await using b = bench()
    const { clean } = await b.child()
    const hostile = 'https://x.example/","method":"evil","a":"\\\n\u2028<>&\x7f'
    const inner = JSON.stringify({ browser_download_url: wrapped(b, hostile) })
    const outer = JSON.stringify({ text: JSON.stringify({ Result: inner }) })
    for (const line of [outer, outer.replaceAll('/', '\\/'), inner.replaceAll('/', '\\u002f')]) {
      const value = JSON.parse(clean(line)) as { text?: string; method?: string }
      expect(value.method).toBeUndefined()
      if (value.text === undefined) continue
      const { Result } = JSON.parse(value.text) as { Result: string }
      expect(JSON.parse(Result)).toEqual({
        browser_download_url:
          'https://x.example/%22,%22method%22:%22evil%22,%22a%22:%22%5C%0A\u2028%3C%3E&%7F',
      })
    }
  })
})

describe('access without the relay', () => {
  const direct = (b: Bench) =>
    createDirectAccess({
      config: { forgejoInternalUrl: 'http://forgejo:3000/git', forgejoScopes: ALL_SCOPES },
      vault: {
        peek: () => b.vault.current,
        renew: async () => b.vault.next,
        rejected: async () => b.vault.next,
        suspected: async () => b.vault.next,
        secrets: () => b.vault.secretsOf,
      },
    })

  test('is the account’s token and Forgejo’s own address', async () => {
    await using b = bench()
    const opened = await direct(b).open({ accountId: 'a', scopes: ALL_SCOPES, leased: true })
    if (!opened.ok) throw new Error(opened.error.reason)
    const access = opened.value
    expect([access.url, access.credential, access.env]).toEqual([
      'http://forgejo:3000/git',
      'token-one',
      {},
    ])
    b.vault.secretsOf = ['token-three', 'token-two']
    expect(access.clean('token-one token-two http://127.0.0.1')).toBe(
      '[redacted] [redacted] http://127.0.0.1',
    )
    access.release()
  })

  test('waits for a renewal, and says why there is none', async () => {
    await using b = bench()
    const ask = () => direct(b).open({ accountId: 'a', scopes: ALL_SCOPES, leased: true })
    b.vault.current = later
    expect(await ask()).toMatchObject({ ok: true, value: { credential: 'token-two' } })
    b.vault.next = later
    expect(await ask()).toMatchObject({ ok: false, error: { kind: 'later' } })
    b.vault.current = { kind: 'dead', reason: 'lost' }
    expect(await ask()).toMatchObject({ ok: false, error: { kind: 'login', reason: 'lost' } })
  })

  test('is refused to a family whose scopes are narrower than the vault’s', async () => {
    await using b = bench()
    const ask = (scopes: string[], leased = true) =>
      direct(b).open({ accountId: 'a', scopes, leased })
    expect(await ask(['read:user', 'write:repository'])).toMatchObject({
      error: { kind: 'operator' },
    })
    expect((await ask(['write:user', 'write:repository', 'write:issue'])).ok).toBe(true)
    expect((await ask([], false)).ok).toBe(true)
  })
})
