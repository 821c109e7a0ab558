import { expect } from 'bun:test'
import { expireAccess, usedElsewhere } from './faults.ts'
import { scenario } from './stage.ts'

/** What a client without a living upstream credential is told: log in again, and where. */
async function expectChallenge(answer: Response): Promise<void> {
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toMatch(
    /^Bearer resource_metadata="[^"]+", scope="[^"]+", error="invalid_token"$/,
  )
  expect(await answer.text()).toBe('')
}

scenario(
  'a second login of the same user on another client ends Forgejo’s older refresh tokens: both clients go on',
  {},
  async (stage) => {
    const first = await stage.connect({ user: 'alice', client: 'Desktop' })
    const second = await stage.connect({ user: 'alice', client: 'Phone', sdk: 'v2' })
    expect(await second.whoami()).toBe('alice')
    expireAccess(stage)
    expect(await Promise.all([first.whoami(), second.whoami()])).toEqual(['alice', 'alice'])
    expect(stage.forgejo.counts.refreshes).toBe(1)
    expect(stage.forgejo.counts.refreshesGranted).toBe(1)
  },
)

scenario(
  'twenty simultaneous requests when Forgejo has ended the token: one refresh',
  {},
  async (stage) => {
    const people = [
      await stage.connect({ user: 'alice', client: 'Desktop' }),
      await stage.connect({ user: 'alice', client: 'Phone' }),
    ]
    expireAccess(stage)
    const calls = Array.from({ length: 20 }, (_, n) => people[n % 2]?.whoami())
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['alice']))
    expect(stage.forgejo.counts.refreshes).toBe(1)
  },
)

scenario(
  'twenty simultaneous requests when the broker knows that the token has ended: one refresh',
  {},
  async (stage) => {
    stage.forgejo.world.settings.accessTokenSeconds = 3
    const alice = await stage.connect('alice')
    await Bun.sleep(3_000)
    const calls = Array.from({ length: 20 }, () => alice.whoami())
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['alice']))
    expect(stage.forgejo.counts.refreshes).toBe(1)
    stage.forgejo.world.settings.accessTokenSeconds = 3_600
    await stage.connect({ user: 'alice', client: 'Phone' })
  },
)

scenario(
  'the answer to a refresh is lost after Forgejo has committed: one repeat, then one clean login, never a loop',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    expireAccess(stage)
    stage.forgejo.control.fault('refresh', { kind: 'lost' }, 1)
    const text = await alice.tool('get_my_user_info').catch(String)
    expect(text).toContain('connect this server again')
    await stage.audited('vault.died', /^lost/)
    await expectChallenge(await stage.post(alice, 'ping'))
    await expectChallenge(await stage.post(alice, 'ping'))
    expect(stage.forgejo.counts.refreshes).toBe(2)

    // Any login of the account heals every session.
    await stage.connect({ user: 'alice', client: 'Phone' })
    await stage.audited('vault.healed')
    expect(await alice.whoami()).toBe('alice')
  },
)

scenario(
  'the connection breaks before Forgejo has seen the refresh: the repeat succeeds and nobody notices',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    expireAccess(stage)
    stage.forgejo.control.fault('refresh', { kind: 'lost', worked: false }, 1)
    expect(await alice.whoami()).toBe('alice')
    expect(stage.forgejo.counts.refreshesGranted).toBe(1)
  },
)

scenario(
  'another program has used the refresh token: 401 with the challenge, and a login heals',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const bob = await stage.connect('bob')
    usedElsewhere(stage, 'alice')
    expireAccess(stage)
    await alice.tool('get_my_user_info').catch(() => {})
    await stage.audited('vault.died', /^superseded.*already used/)
    await expectChallenge(await stage.post(alice, 'tools/list'))
    expect(await bob.whoami()).toBe('bob')
    await stage.connect({ user: 'alice', client: 'Phone' })
  },
)

scenario(
  'the broker is killed between Forgejo’s commit of a refresh and ours: one clean login, no loop',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    expireAccess(stage)
    const held = stage.forgejo.control.hold('refresh')
    const call = alice.whoami().catch(() => {})
    await held.arrived
    await stage.restart('SIGKILL')
    held.release()
    await call
    await stage.audited('vault.died', /^lost/)
    await expectChallenge(await stage.post(alice, 'ping'))
    const { refreshes } = stage.forgejo.counts
    await Bun.sleep(500)
    expect(stage.forgejo.counts.refreshes).toBe(refreshes)
    // The client may have asked for its login by itself, because its stream came back to a 401.
    stage.gone(alice)
    await stage.connect({ user: 'alice', client: 'Phone' })
    expect((await stage.post(alice, 'tools/list')).status).toBe(200)
  },
)

scenario(
  'the broker is killed after Forgejo traded a code and before we knew whose: the pair is found and used',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const held = stage.forgejo.control.hold('userinfo')
    const login = stage.login('alice', { client: 'Phone' }).catch(() => {})
    await held.arrived
    await stage.restart('SIGKILL')
    held.release()
    await login
    expireAccess(stage)
    // The interrupted login had killed the older refresh token; its own is the one that works now.
    expect(await alice.whoami()).toBe('alice')
    expect(stage.forgejo.counts.refreshes).toBe(1)
    expect(stage.forgejo.counts.refreshesGranted).toBe(1)
  },
)

scenario(
  'the signing key is replaced: every token is over, 401 with the challenge, and a login heals',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    stage.forgejo.control.replaceSigningKey()
    await alice.tool('get_my_user_info').catch(() => {})
    await stage.audited('vault.died', /^expired.*unable to parse refresh token/)
    await expectChallenge(await stage.post(alice, 'ping'))
    await stage.connect({ user: 'alice', client: 'Phone' })
  },
)

scenario(
  'the user revokes the application at Forgejo: families and sessions of the account end, nobody else’s',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const bob = await stage.connect('bob')
    stage.gone(alice)
    const id = alice.sessionId()
    stage.forgejo.control.revoke('alice')
    const [child] = stage.children()
    expect(child).toBeDefined()
    await alice.tool('get_my_user_info').catch(() => {})
    await stage.audited('session.ended', /revoked at Forgejo/)
    await expectChallenge(await stage.post(alice, 'ping'))
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: alice.provider.tokens().refresh_token,
      client_id: alice.provider.clientInformation().client_id,
    })
    const refused = await fetch(`${stage.url}/oauth/token`, { method: 'POST', body: form })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant' })

    const again = await stage.connect({ user: 'alice', client: 'Phone' })
    expect(again.sessionId()).not.toBe(id)
    expect(await bob.whoami()).toBe('bob')
  },
)

scenario(
  'a login is being traded as a refresh is wanted: the refresh waits, and finds that it is not needed any more',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    expireAccess(stage)
    const held = stage.forgejo.control.hold('exchange')
    const connecting = stage.connect({ user: 'alice', client: 'Phone' })
    await held.arrived
    const calls = [alice.whoami(), alice.whoami()]
    await Bun.sleep(200)
    expect(stage.forgejo.counts.refreshes).toBe(0)
    held.release()
    await connecting
    expect(await Promise.all(calls)).toEqual(['alice', 'alice'])
    expect(stage.forgejo.counts.refreshes).toBe(0)
  },
)
