import { describe, expect, test } from 'bun:test'
import { type Browser, createBrowser } from '../fixtures/browser.ts'
import { CALLBACK, type Flow, got, startFlow } from './kit.ts'

const exchanges = (flow: Flow) => flow.forgejo.counts.exchanges
const minted = (flow: Flow) => flow.rows('SELECT 1 FROM families').length

/** Consents in a browser and stops before our callback; its URL. */
async function stopBeforeCallback(flow: Flow, url: string, browser: Browser, user: string) {
  const isOurs = (to: URL) => to.href.startsWith(`${flow.issuer}/oauth/callback`)
  const follow = (to: URL) => !isOurs(to)
  await browser.get(url, { follow })
  await browser.submit({ decision: 'allow' }, { action: '/oauth/consent', follow })
  if (browser.page?.forms.some(({ action }) => action.includes('/user/login')))
    await browser.submit({ user_name: user, password: 'password' }, { follow })
  if (browser.page?.forms.some(({ action }) => action.includes('/grant')))
    await browser.submit({ granted: 'true' }, { action: '/grant', follow })
  const callback = browser.page?.leftFor
  if (callback === undefined) throw new Error(`stuck at ${browser.page?.url}`)
  return callback
}

describe('the callback belongs to the browser that consented', () => {
  test('an attacker who consents and sends a signed-in victim on gets nothing', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    // The victim authorized the broker before: Forgejo will not ask her again.
    const victim = createBrowser()
    await flow.walk(flow.request(clientId).url, { user: 'alice' }, victim)
    const before = { exchanges: exchanges(flow), minted: minted(flow) }

    const attacker = createBrowser()
    const evil = flow.request(clientId)
    const toForgejo = (to: URL) => !to.href.startsWith(flow.forgejo.url)
    await attacker.get(evil.url)
    await attacker.submit({ decision: 'allow' }, { action: '/oauth/consent', follow: toForgejo })
    const bait = attacker.page?.leftFor ?? ''

    const page = await victim.get(bait)
    expect(page.status).toBe(403)
    expect(page.html).toContain('another browser')
    expect(new URL(page.url).pathname).toBe('/oauth/callback')
    expect({ exchanges: exchanges(flow), minted: minted(flow) }).toEqual(before)
  })

  test('a callback that is opened twice connects once', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    const browser = createBrowser()
    const url = await stopBeforeCallback(flow, flow.request(clientId).url, browser, 'alice')
    const follow = (to: URL) => !to.href.startsWith(CALLBACK)
    expect((await browser.get(url, { follow })).leftFor).toStartWith(CALLBACK)
    const again = await browser.get(url, { follow })
    expect([again.status, again.leftFor]).toEqual([400, undefined])
    expect(exchanges(flow)).toBe(1)
  })

  test('another browser cannot open it, and the right one still can', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    const browser = createBrowser()
    const url = await stopBeforeCallback(flow, flow.request(clientId).url, browser, 'alice')
    expect((await createBrowser().get(url)).status).toBe(403)
    expect(exchanges(flow)).toBe(0)
    const follow = (to: URL) => !to.href.startsWith(CALLBACK)
    expect((await browser.get(url, { follow })).leftFor).toStartWith(CALLBACK)
  })

  test('after half an hour it is over', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    const browser = createBrowser()
    const url = await stopBeforeCallback(flow, flow.request(clientId).url, browser, 'alice')
    await flow.clock.advance(30 * 60_000)
    expect((await browser.get(url)).status).toBe(400)
    expect(exchanges(flow)).toBe(0)
  })
})

describe('what goes back to the client', () => {
  test('a no on our page, and a no at Forgejo', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    for (const answer of [{ decision: 'deny' as const }, { granted: false }]) {
      const { url, state } = flow.request(clientId)
      const back = await flow.walk(url, { user: 'alice', ...answer })
      expect(Object.fromEntries(back.searchParams)).toMatchObject({
        error: 'access_denied',
        state,
        iss: flow.issuer,
      })
    }
    expect(minted(flow)).toBe(0)
  })

  test.each([
    [
      'a proxy error',
      (flow: Flow) => flow.forgejo.control.outage(502, 'exchange'),
      'temporarily_unavailable',
    ],
    [
      'a bot wall',
      (flow: Flow) => flow.forgejo.control.botWall('exchange'),
      'temporarily_unavailable',
    ],
    [
      'userinfo that fails',
      (flow: Flow) => flow.forgejo.control.outage(503, 'userinfo'),
      'temporarily_unavailable',
    ],
    [
      'a secret that was replaced',
      (flow: Flow) => flow.forgejo.control.rotateSecret(),
      'server_error',
    ],
  ])('%s', async (_name, fault, error) => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    const { url, state } = flow.request(clientId)
    fault(flow)
    const back = await flow.walk(url, { user: 'alice' })
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error, state, iss: flow.issuer })
    expect(minted(flow)).toBe(0)
  })
})

describe('what only a page can say', () => {
  test('a user who is not let in', async () => {
    await using flow = await startFlow({ allowedUsers: ['bob'] })
    const clientId = await flow.register()
    const page = await flow.walkToPage(flow.request(clientId).url, { user: 'alice' })
    expect(page.status).toBe(403)
    expect(page.html).toContain('alice may not use this server')
    expect(page.html).toContain('error=access_denied')
    expect(flow.rows('SELECT 1 FROM vaults')).toHaveLength(0)
    await flow.connect(clientId, 'bob')
  })

  test.each([{ prohibited: true }, { mustChangePassword: true }])(
    'Forgejo wants something of its user first: %p',
    async (change) => {
      await using flow = await startFlow()
      const clientId = await flow.register()
      const browser = createBrowser()
      const url = await stopBeforeCallback(flow, flow.request(clientId).url, browser, 'alice')
      flow.forgejo.control.change('alice', change)
      const page = await browser.get(url)
      expect(page.status).toBe(403)
      expect(page.html).toContain(`href="${flow.forgejo.url}`)
      expect(minted(flow)).toBe(0)
    },
  )

  test('an older authorization with fewer scopes must be revoked at Forgejo; then it works', async () => {
    await using flow = await startFlow()
    const clientId = await flow.register()
    flow.forgejo.issueTokens('alice', 'read:user')
    const page = await flow.walkToPage(flow.request(clientId).url, { user: 'alice' })
    expect(page.status).toBe(403)
    expect(page.html).toContain('write:issue')
    expect(page.html).toContain(`${flow.forgejo.url}/user/settings/applications`)
    expect(minted(flow)).toBe(0)
    flow.forgejo.control.revoke('alice')
    await flow.connect(clientId, 'alice')
  })

  test('so must one of a public application, where Forgejo itself refuses', async () => {
    await using flow = await startFlow({ confidential: false })
    const clientId = await flow.register()
    flow.forgejo.issueTokens('alice', 'read:user')
    const page = await flow.walkToPage(flow.request(clientId).url, { user: 'alice' })
    expect(page.html).toContain(`${flow.forgejo.url}/user/settings/applications`)
    expect(exchanges(flow)).toBe(0)
  })

  test('a client that nobody knows', async () => {
    await using flow = await startFlow()
    const page = await createBrowser().get(flow.request('client_dead').url)
    expect(page.status).toBe(400)
    expect(page.html).toContain('add it again')
  })
})

describe('a credential that died', () => {
  test('refuses a refresh without using it up, and any login of the account heals it', async () => {
    await using flow = await startFlow()
    const laptop = await flow.register('Laptop')
    const phone = await flow.register('Phone')
    const tokens = await flow.connect(laptop, 'alice')
    const caller = flow.verifier.verify(tokens.access_token)
    flow.forgejo.control.replaceSigningKey()
    await flow.vault.renew(caller.ok ? caller.value.accountId : '')

    expect(await flow.refresh(laptop, tokens.refresh_token)).toBe('invalid_grant')
    expect(flow.ended).toEqual([])
    await flow.connect(phone, 'alice')
    got(await flow.refresh(laptop, tokens.refresh_token))
  })

  test('because its user took the authorization away ends every login of the account', async () => {
    await using flow = await startFlow()
    const laptop = await flow.register('Laptop')
    const phone = await flow.register('Phone')
    const tokens = [await flow.connect(laptop, 'alice'), await flow.connect(phone, 'alice')]
    const bob = await flow.connect(phone, 'bob')
    const caller = flow.verifier.verify(tokens[0]?.access_token ?? '')
    flow.forgejo.control.revoke('alice')
    await flow.vault.renew(caller.ok ? caller.value.accountId : '')

    const known = [...tokens, bob].map(({ access_token }) => flow.verifier.verify(access_token).ok)
    expect(known).toEqual([false, false, true])
    expect(flow.ended).toHaveLength(2)
    await flow.connect(laptop, 'alice')
  })
})
