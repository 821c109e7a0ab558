import { describe, expect } from 'bun:test'
import { createBrowser, loginAtForgejo } from '../fixtures/browser.ts'
import { createProvider } from '../fixtures/mcp-client.ts'
import { expireAccess, TOKEN_LIFE_MS } from './faults.ts'
import { connectPerson } from './people.ts'
import { scenario } from './stage.ts'

const BLOCKED = [
  ['suspended', { prohibited: true }, /prohibited from signing in, please contact/],
  [
    'told to change the password',
    { mustChangePassword: true },
    /must change your password\. Change it at: http/,
  ],
  ['told to enrol two-factor authentication', { mustEnrolTwoFactor: true }, /two-factor|2FA/i],
] as const

describe.each(BLOCKED)('a user who is %s', (_, flags, words) => {
  scenario(
    'gets Forgejo’s own 403 text, which says what to do; no refresh, no login loop, and all goes on afterwards',
    {},
    async (stage) => {
      const alice = await stage.connect('alice')
      stage.forgejo.control.change('alice', flags)
      for (let n = 0; n < 3; n++)
        expect(await alice.tool('get_my_user_info').catch(String)).toMatch(words)
      expect((await stage.post(alice, 'tools/list')).status).toBe(200)
      expect(stage.forgejo.counts.refreshes).toBe(0)
      // A token that ends meanwhile is renewed as ever: Forgejo refuses the user, not the refresh.
      expireAccess(stage)
      expect(await alice.tool('get_my_user_info').catch(String)).toMatch(words)
      expect(stage.forgejo.counts.refreshesGranted).toBe(1)
      expect(stage.audit().filter(({ event }) => event.startsWith('vault.died'))).toEqual([])
      const back = Object.fromEntries(Object.keys(flags).map((flag) => [flag, false]))
      stage.forgejo.control.change('alice', back)
    },
  )
})

scenario(
  'a suspended user who logs in is told so on a page, and nothing is broken for anybody',
  {},
  async (stage) => {
    const bob = await stage.connect('bob')
    // Suspended between Forgejo's own login and our question who it was.
    const held = stage.forgejo.control.hold('userinfo', { worked: false })
    const provider = createProvider({ user: 'alice', password: 'password' }, 'Alice')
    const connecting = connectPerson(stage.mcpUrl, { user: 'alice', provider }).catch(String)
    await held.arrived
    stage.forgejo.control.change('alice', { prohibited: true })
    held.release()
    expect(await connecting).toContain('Forgejo wants something of you first')
    stage.forgejo.control.change('alice', { prohibited: false })
    await stage.connect('alice')
    expect(await bob.whoami()).toBe('bob')
  },
)

scenario(
  'the client secret is rotated: the operator is alarmed, no user is harmed, the new secret heals',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const secret = stage.forgejo.control.rotateSecret()
    expireAccess(stage)
    const said = await alice.tool('get_my_user_info').catch(String)
    expect(said).toContain('cannot be renewed right now')
    await stage.logged('forgejo refuses the broker itself')
    await stage.audited('forgejo.refused')
    expect((await stage.post(alice, 'tools/list')).status).toBe(200)
    expect(stage.audit().filter(({ event }) => event === 'vault.died')).toEqual([])
    const children = stage.children()
    await stage.broker.stop()
    expect(children.length).toBeGreaterThan(0)
    await stage.start({ FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET: secret })
    expect(await alice.whoami()).toBe('alice')
  },
)

scenario(
  'the application is deleted at Forgejo: the operator is alarmed; calls say whose turn it is',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    stage.gone(alice)
    stage.forgejo.control.deleteApp()
    await alice.tool('get_my_user_info').catch(() => {})
    await stage.logged('forgejo refuses the broker itself')
    await stage.audited('forgejo.refused')
    expect(stage.audit().filter(({ event }) => event === 'vault.died')).toEqual([])
  },
)

scenario('a renamed user is the same user, whose sessions go on', {}, async (stage) => {
  const alice = await stage.connect('alice')
  stage.gone(alice)
  const id = alice.sessionId()
  stage.forgejo.control.change('alice', { login: 'alicia' })
  expect(await alice.whoami()).toBe('alicia')
  const again = await stage.connect({ user: 'alicia', client: 'Phone' })
  expect(await again.whoami()).toBe('alicia')
  expect(await alice.whoami()).toBe('alicia')
  expect(alice.sessionId()).toBe(id)
  const accounts = await stage.json<{ login: string }[]>('accounts', 'list')
  expect(accounts.map(({ login }) => login)).toEqual(['alicia'])
})

scenario(
  'a client whose person signs in as another Forgejo user the next time gets that one, and mixes nothing up',
  {},
  async (stage) => {
    const alice = await stage.connect({ user: 'alice', client: 'Shared client' })
    const bob = await stage.connect({ user: 'bob', client: 'Shared client' })
    expect(alice.provider.clientInformation().client_id).toBe(
      bob.provider.clientInformation().client_id,
    )
    expireAccess(stage)
    expect(await Promise.all([alice.whoami(), bob.whoami(), alice.whoami()])).toEqual([
      'alice',
      'bob',
      'alice',
    ])
    // The session of one is unknown to the other, and the attempt is written down.
    const stolen = await fetch(stage.mcpUrl, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${bob.provider.tokens().access_token}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'Mcp-Session-Id': alice.sessionId() ?? '',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    expect(stolen.status).toBe(404)
    await stage.audited('session.foreign')
  },
)

scenario(
  'the person says no, and a callback that is unknown, used or repeated leads nowhere',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const provider = createProvider({ user: 'bob', password: 'password' }, 'Denied')
    const browser = createBrowser()
    const denying = {
      ...provider,
      async redirectToAuthorization(url: URL) {
        const back = new URL(
          await loginAtForgejo(browser, String(url), { user: 'bob', decision: 'deny' }),
        )
        expect(back.searchParams.get('error')).toBe('access_denied')
      },
    }
    await connectPerson(stage.mcpUrl, { user: 'bob', provider: denying }).catch(() => {})
    expect(provider.saved.tokens).toBeUndefined()
    for (const query of [
      'code=gta_x&state=unknown',
      'state=unknown',
      'error=server_error&state=x',
    ]) {
      const page = await fetch(`${stage.url}/oauth/callback?${query}`)
      expect(page.status).toBe(400)
      expect(await page.text()).toContain('This login is over')
    }
    const again = createBrowser()
    const bob = await stage.login('bob', { browser: again })
    const callback = bob.redirects.find((url) => url.includes('/oauth/callback?'))
    const page = await again.get(callback ?? '')
    expect([page.status, page.html]).toEqual([400, expect.stringContaining('This login is over')])
    expect(await (await bob.open()).whoami()).toBe('bob')
    expect(await alice.whoami()).toBe('alice')
  },
)

scenario(
  'Forgejo’s clock is ten minutes off, both ways: tokens are renewed by the time since they came',
  { env: { FJMCP_BROKER_REFRESH_LEAD: '4s' } },
  async (stage) => {
    const { control, counts, world } = stage.forgejo
    const people = []
    for (const [user, skew] of [
      ['alice', -10 * 60_000],
      ['bob', 10 * 60_000],
    ] as const) {
      control.skew(skew)
      people.push(await stage.connect(user))
    }
    control.skew(0)
    expect(counts.refreshes).toBe(0)
    expect(TOKEN_LIFE_MS).toBe(world.settings.accessTokenSeconds * 1_000)
    for (const person of people) expect(await person.whoami()).toBe(person.user)
    await Bun.sleep(1_500)
    expect(counts.refreshes).toBe(0)
  },
)
