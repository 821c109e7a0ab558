import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { createBrowser } from '../fixtures/browser.ts'
import { type Flow, startFlow } from '../flows/kit.ts'
import { passForgejo, visitAs } from './visitor.ts'

let flow: Flow
beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow[Symbol.asyncDispose]())

const look = (cookie: string) =>
  fetch(`${flow.issuer}/connections`, { headers: { cookie: `fjmcp_page=${cookie}` } })
const isSignedIn = async (cookie: string) => (await (await look(cookie)).text()).includes('alice')

describe('signing in to see one’s connections', () => {
  test('leads through Forgejo and the same callback to the page', async () => {
    const browser = createBrowser()
    const page = await visitAs(flow, 'alice', browser)
    expect(page.url).toBe(`${flow.issuer}/connections`)
    expect(page.status).toBe(200)
    expect(page.html).toContain('Signed in as <strong>alice</strong>')
    expect(page.redirects.some((url) => url.startsWith(`${flow.issuer}/oauth/callback`))).toBe(true)
    expect(flow.store.audit.list({ event: 'page.signed-in', limit: 9 })).toHaveLength(1)
  })

  test('keeps only a hash of the cookie, which no script reads', async () => {
    const browser = createBrowser()
    await visitAs(flow, 'alice', browser)
    const cookie = browser.cookies.get('fjmcp_page') ?? ''
    expect(cookie).toMatch(/^[\w-]{43}$/)
    expect(flow.bytesOnDisk().includes(cookie)).toBe(false)
    expect(flow.lines.join('\n')).not.toContain(cookie)
  })

  test('feeds the vault like any login', async () => {
    const clientId = await flow.register()
    const tokens = await flow.connect(clientId, 'alice')
    const caller = flow.verifier.verify(tokens.access_token)
    const accountId = caller.ok ? caller.value.accountId : ''
    const before = flow.vault.peek(accountId)
    await visitAs(flow, 'alice')
    const after = flow.vault.peek(accountId)
    if (before.kind !== 'ready' || after.kind !== 'ready') throw new Error('no credential')
    expect(after.generation).toBe(before.generation + 1)
    expect(await flow.present(tokens.access_token)).toBe(400)
  })

  test('lasts an hour after the last look, and twelve at most', async () => {
    const browser = createBrowser()
    await visitAs(flow, 'alice', browser)
    const cookie = browser.cookies.get('fjmcp_page') ?? ''
    for (let passed = 0; passed < 12 * HOUR_MS - MINUTE_MS; passed += 50 * MINUTE_MS) {
      expect(await isSignedIn(cookie)).toBe(true)
      await flow.clock.advance(50 * MINUTE_MS)
    }
    expect(await isSignedIn(cookie)).toBe(false)

    await visitAs(flow, 'alice', browser)
    const next = browser.cookies.get('fjmcp_page') ?? ''
    await flow.clock.advance(HOUR_MS)
    expect(await isSignedIn(next)).toBe(false)
  })

  test('ends with signing out', async () => {
    const browser = createBrowser()
    await visitAs(flow, 'alice', browser)
    const cookie = browser.cookies.get('fjmcp_page') ?? ''
    const page = await browser.submit({ do: 'sign-out' }, { action: '/connections' })
    expect(page.html).toContain('You are signed out')
    expect(browser.cookies.get('fjmcp_page')).toBeUndefined()
    expect(await isSignedIn(cookie)).toBe(false)
  })

  test('ends when the user takes the broker’s access away at Forgejo', async () => {
    const browser = createBrowser()
    await visitAs(flow, 'alice', browser)
    const cookie = browser.cookies.get('fjmcp_page') ?? ''
    const [account] = flow.rows<{ id: string }>('SELECT id FROM accounts')
    flow.forgejo.control.revoke('alice')
    await flow.vault.renew(account?.id ?? '')
    expect(await isSignedIn(cookie)).toBe(false)
  })
})

describe('nobody is signed in', () => {
  test('in another browser than the one that began', async () => {
    const victim = createBrowser()
    const attacker = createBrowser()
    await attacker.get(`${flow.issuer}/connections`)
    const there = await attacker.submit(
      { do: 'sign-in' },
      { action: '/connections', follow: () => false },
    )
    await victim.get(there.leftFor ?? '')
    const page = await passForgejo(flow, 'alice', victim)
    expect(page.status).toBe(403)
    expect(page.html).toContain('began in another browser')
    expect(victim.cookies.get('fjmcp_page')).toBeUndefined()
    expect(flow.store.audit.list({ event: 'page.refused', limit: 9 })).toHaveLength(1)
  })

  test('twice by one return from Forgejo', async () => {
    const browser = createBrowser()
    const page = await visitAs(flow, 'alice', browser)
    const callback = page.redirects.find((url) => url.includes('/oauth/callback')) ?? ''
    const again = await browser.get(callback)
    expect(again.status).toBe(400)
    expect(again.html).toContain('This sign-in is over')
  })

  test('who says no at Forgejo', async () => {
    const browser = createBrowser()
    const page = await visitAs(flow, 'alice', browser, false)
    expect(page.status).toBe(403)
    expect(page.html).toContain('You were not signed in')
    expect(browser.cookies.get('fjmcp_page')).toBeUndefined()
  })

  test('whom the operator does not let in, and nobody any more who was let in before', async () => {
    const allowedUsers = ['alice']
    await using strict = await startFlow({ allowedUsers })
    const browser = createBrowser()
    const before = await visitAs(strict, 'alice', browser)
    expect(before.html).toContain('Signed in as')
    allowedUsers[0] = 'bob'
    const now = await browser.get(`${strict.issuer}/connections`)
    expect(now.html).not.toContain('Signed in as')
    const page = await visitAs(strict, 'alice')
    expect(page.status).toBe(403)
    expect(page.html).toContain('alice may not use this server')
  })

  test('by a cookie of somebody’s own making', async () => {
    for (const cookie of ['', 'x', 'A'.repeat(43), `${'A'.repeat(42)};`])
      expect(await isSignedIn(cookie)).toBe(false)
  })

  test('while Forgejo does not answer; then the page says so', async () => {
    const browser = createBrowser()
    flow.forgejo.control.outage(503, 'exchange')
    const page = await visitAs(flow, 'alice', browser)
    expect(page.status).toBe(503)
    expect(page.html).toContain('Forgejo cannot be reached now')
  })
})
