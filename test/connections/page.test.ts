import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { createBrowser } from '../fixtures/browser.ts'
import { type Flow, startFlow } from '../flows/kit.ts'
import { addSession, connectApp, liveAWhile } from './people.ts'
import { connectionsOn, submitFor, visitAs } from './visitor.ts'

let flow: Flow
beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow[Symbol.asyncDispose]())

const may = (token: string): string => {
  const caller = flow.verifier.verify(token)
  return caller.ok ? caller.value.scopes.join(' ') : caller.error
}

describe('the page', () => {
  test('shows each app with its permissions, use, sessions and what went wrong', async () => {
    await liveAWhile(flow)
    const { html } = await visitAs(flow, 'alice')
    const [claude = '', code = '', cursor = ''] = html.split('<article').slice(1)
    for (const part of ['Claude', 'reads and writes', '1 awake, 3 asleep', '4 days ago'])
      expect(claude).toContain(part)
    expect(claude).not.toContain('class="warning"')
    expect(claude).toContain('A session woke up')
    for (const part of ['Visual Studio Code', 'reads only', '1 asleep', 'more than it may'])
      expect(code).toContain(part)
    expect(code).toContain('create_issue needs Issues (read and write)')
    for (const part of ['Cursor', 'signed out', 'It signed itself out', 'Connect it again'])
      expect(cursor).toContain(part)
    expect(cursor).not.toContain('value="change"')
  })

  test('shows an app without sessions as awake while a child serves it', async () => {
    const claude = await connectApp(flow, 'Claude')
    const sessions = async () =>
      /(?<=Sessions<\/dt><dd>)[^<]*/.exec((await visitAs(flow, 'alice')).html)?.[0]
    expect(await sessions()).toBe('none')
    flow.statelessNow.set(claude.clientId, 2)
    expect(await sessions()).toBe('2 awake')
    addSession(flow, claude)
    expect(await sessions()).toBe('2 awake, 1 asleep')
  })

  test('shows nobody else’s, and says how to connect when there are none', async () => {
    await connectApp(flow, 'Claude')
    const page = await visitAs(flow, 'bob')
    expect(connectionsOn(page)).toEqual([])
    expect(page.html).toContain('No app is connected')
    expect(page.html).not.toContain('Claude')
  })

  test('shows a client’s name as text', async () => {
    await flow.connect(await flow.register('<img src=x onerror=alert(1)>'), 'alice')
    const { html } = await visitAs(flow, 'alice')
    expect(html).toContain('&lt;img src=x')
    expect(html).not.toContain('<img')
  })

  test('is kept by no cache and framed by nobody', async () => {
    const { headers } = await visitAs(flow, 'alice')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('content-security-policy')).toContain("form-action 'self';")
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  test('is asked for under no other name or method', async () => {
    expect((await fetch(`${flow.issuer}/connections`, { method: 'DELETE' })).status).toBe(405)
    expect((await fetch(`${flow.issuer}/connections/`)).status).toBe(404)
  })
})

describe('narrowing', () => {
  test('holds from the next request on, without a new login, and tells who must know', async () => {
    const app = await connectApp(flow, 'Claude')
    const token = app.tokens.access_token
    const browser = createBrowser()
    const [id = ''] = connectionsOn(await visitAs(flow, 'alice', browser))
    const page = await submitFor(browser, id, { do: 'change', access: 'read' })
    expect(page.html).toContain('Saved. It holds from this moment on.')
    expect(page.html).toContain('reads only')
    expect(may(token)).toBe('read:issue read:repository read:user')
    expect(flow.changes).toEqual([
      {
        accountId: app.accountId,
        clientId: app.clientId,
        scopes: ['read:user', 'read:repository', 'read:issue'],
      },
    ])
    const refreshed = await flow.refresh(app.clientId, app.tokens.refresh_token)
    expect(refreshed).toMatchObject({ scope: 'read:issue read:repository read:user' })
    const [row] = flow.store.audit.list({ event: 'grant.changed', limit: 1 })
    expect(row?.reason).toBe('read:user read:repository read:issue')
  })

  test('by area takes single areas away, and can be taken back up to what was allowed', async () => {
    const app = await connectApp(flow, 'Claude', 'read:repository write:issue')
    const browser = createBrowser()
    const [id = ''] = connectionsOn(await visitAs(flow, 'alice', browser))
    const areas = { do: 'change', access: 'areas', 'area.repository': 'none' }
    await submitFor(browser, id, { ...areas, 'area.issue': 'read' })
    expect(may(app.tokens.access_token)).toBe('read:issue')
    await submitFor(browser, id, { do: 'change', access: 'write', 'area.user': 'write' })
    expect(may(app.tokens.access_token)).toBe('read:issue read:repository write:issue')
  })

  test('is undone for nobody by a later login that asks for more', async () => {
    const first = await connectApp(flow, 'Claude')
    const browser = createBrowser()
    const [id = ''] = connectionsOn(await visitAs(flow, 'alice', browser))
    await submitFor(browser, id, { do: 'change', access: 'read' })
    const second = await connectApp(flow, 'Claude')
    expect(may(first.tokens.access_token)).toBe('read:issue read:repository read:user')
    expect(may(second.tokens.access_token)).toContain('write:issue')
  })

  test('to nothing, or to nothing clear, changes nothing and says so', async () => {
    const app = await connectApp(flow, 'Claude')
    const browser = createBrowser()
    const [id = ''] = connectionsOn(await visitAs(flow, 'alice', browser))
    const none = { 'area.repository': 'none', 'area.issue': 'none', 'area.user': 'none' }
    for (const fields of [{ access: 'areas', ...none }, { access: '' }, { access: 'all' }]) {
      const page = await submitFor(browser, id, { do: 'change', ...fields })
      expect(page.status).toBe(400)
      expect(page.html).toContain('role="alert"')
    }
    expect(may(app.tokens.access_token)).toContain('write:issue')
    expect(flow.changes).toEqual([])
  })
})

describe('disconnecting', () => {
  test('one ends its tokens and sessions, and no other', async () => {
    const claude = await connectApp(flow, 'Claude')
    const cursor = await connectApp(flow, 'Cursor')
    addSession(flow, claude)
    const browser = createBrowser()
    const page = await visitAs(flow, 'alice', browser)
    const grants = flow.store.grants.list({ clientId: claude.clientId })
    const after = await submitFor(browser, grants[0]?.id ?? '', { do: 'disconnect' })
    expect(after.html).toContain('Disconnected.')
    expect(connectionsOn(after)).toHaveLength(connectionsOn(page).length - 1)
    expect(may(claude.tokens.access_token)).toBe('revoked')
    expect(await flow.refresh(claude.clientId, claude.tokens.refresh_token)).toBe('invalid_grant')
    expect(may(cursor.tokens.access_token)).toContain('write:issue')
    expect(flow.ended).toEqual([claude.familyId])
  })

  test('everything ends them all', async () => {
    const apps = [await connectApp(flow, 'Claude'), await connectApp(flow, 'Cursor')]
    const browser = createBrowser()
    await visitAs(flow, 'alice', browser)
    const token = tokenOn(browser.page?.html)
    const after = await browser.post('/connections', { do: 'disconnect-all', token })
    expect(after.html).toContain('Everything is disconnected')
    expect(connectionsOn(after)).toEqual([])
    for (const app of apps) expect(may(app.tokens.access_token)).toBe('revoked')
  })

  test('what is gone already says so', async () => {
    await connectApp(flow, 'Claude')
    const browser = createBrowser()
    const [id = ''] = connectionsOn(await visitAs(flow, 'alice', browser))
    await submitFor(browser, id, { do: 'disconnect' })
    await browser.get(`${flow.issuer}/connections`)
    const token = tokenOn(browser.page?.html)
    for (const what of ['disconnect', 'change']) {
      const fields = { do: what, token, connection: id, access: 'read' }
      expect((await browser.post('/connections', fields)).html).toContain('gone already')
    }
  })
})

const tokenOn = (html = '') => /name="token" value="([^"]+)"/.exec(html)?.[1] ?? ''

describe('nobody changes a connection', () => {
  let id: string
  let token: string
  let cookie: string
  let access: string
  beforeEach(async () => {
    access = (await connectApp(flow, 'Claude')).tokens.access_token
    const browser = createBrowser()
    const page = await visitAs(flow, 'alice', browser)
    id = connectionsOn(page)[0] ?? ''
    token = tokenOn(page.html)
    cookie = `fjmcp_page=${browser.cookies.get('fjmcp_page')}`
  })

  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${flow.issuer}/connections`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, ...headers },
      body: new URLSearchParams({ do: 'disconnect', connection: id, ...fields }),
    })

  test('from another site, whatever it knows', async () => {
    const places: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { origin: 'https://evil.example' },
    ]
    for (const headers of places) expect((await post({ token }, headers)).status).toBe(403)
    expect(may(access)).toContain('write:issue')
    expect((await post({ token }, { 'sec-fetch-site': 'same-origin' })).status).toBe(303)
    expect(may(access)).toBe('revoked')
  })

  test('without the form’s own token, or with that of another visit', async () => {
    const other = createBrowser()
    const theirs = tokenOn((await visitAs(flow, 'alice', other)).html)
    for (const wrong of ['', 'x', theirs]) expect((await post({ token: wrong })).status).toBe(403)
    expect(may(access)).toContain('write:issue')
    expect(flow.store.audit.list({ event: 'page.refused', limit: 9 })).toHaveLength(1)
  })

  test('without being signed in, or no longer', async () => {
    const unknown = await post({ token }, { cookie: `fjmcp_page=${'A'.repeat(43)}` })
    expect(await unknown.text()).toContain('nothing was changed')
    await flow.clock.advance(61 * MINUTE_MS)
    expect(await (await post({ token })).text()).toContain('nothing was changed')
    expect(flow.store.grants.find(id)?.revokedAt).toBeNull()
  })

  test('of somebody else’s, whose id they know', async () => {
    const bob = createBrowser()
    await flow.connect(await flow.register('Bob’s own'), 'bob')
    const theirs = tokenOn((await visitAs(flow, 'bob', bob)).html)
    for (const what of ['disconnect', 'change']) {
      const fields = { do: what, token: theirs, connection: id, access: 'read' }
      expect((await bob.post('/connections', fields)).html).toContain('gone already')
    }
    expect(may(access)).toContain('write:issue')
  })
})
