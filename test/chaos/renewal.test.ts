import { describe, expect } from 'bun:test'
import { environmentOf } from '../fixtures/processes.ts'
import { until } from '../fixtures/until.ts'
import { expireAccess, usedElsewhere } from './faults.ts'
import { type Stage, scenario } from './stage.ts'

const TOKEN_MODE = { FJMCP_BROKER_CHILD_CREDENTIAL: 'token' }

/** The tokens that children hold. */
const heldTokens = (stage: Stage) =>
  stage.children().map(({ pid }) => environmentOf(pid).FORGEJO_ACCESS_TOKEN)

scenario(
  'relay: a call is in flight at Forgejo as its token ends: it is answered, and no child is restarted',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const [child] = stage.children()
    const held = stage.forgejo.control.hold(/^GET \/api\/v1\/user$/, { worked: false })
    const call = alice.whoami()
    await held.arrived
    expireAccess(stage)
    held.release()
    expect(await call).toBe('alice')
    expect(stage.forgejo.counts.refreshes).toBe(1)
    expect(stage.children()).toContainEqual(child as never)
  },
)

describe('--child-credential token', () => {
  scenario(
    'a token that dies early: that call keeps its error, the next one succeeds in a successor, streams go on',
    { env: TOKEN_MODE },
    async (stage) => {
      const alice = await stage.connect('alice')
      const phone = await stage.connect({ user: 'alice', client: 'Phone', sdk: 'v2' })
      const before = heldTokens(stage)
      // Forgejo signs with whole seconds: the same second would give the same token.
      await Bun.sleep(1_000)
      expireAccess(stage)
      expect(await alice.tool('get_my_user_info').catch(String)).toContain('user does not exist')
      expect(await alice.whoami()).toBe('alice')
      expect(await phone.whoami()).toBe('alice')
      expect(stage.forgejo.counts.refreshes).toBe(1)
      await until('the old token is in no child', () =>
        heldTokens(stage).every((token) => !before.includes(token)),
      )
      await alice.tool('test_notify')
      await until('the stream is heard', () => alice.notes.some((note) => note.includes('hello')))
    },
  )

  scenario(
    'a token dies while the session sleeps: its child is started once more with the new one',
    { env: { ...TOKEN_MODE, FJMCP_BROKER_SESSION_IDLE_TIMEOUT: '400ms' } },
    async (stage) => {
      const alice = await stage.connect('alice')
      await stage.audited('session.slept')
      await Bun.sleep(1_000)
      for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
      await until('no child is left', () => stage.children().length === 0)
      expireAccess(stage)
      expect(await alice.whoami()).toBe('alice')
      expect(stage.forgejo.counts.refreshes).toBe(1)
    },
  )

  scenario(
    'words that sound like a dead token, when it lives: userinfo says so, and nothing is renewed',
    { env: TOKEN_MODE },
    async (stage) => {
      const alice = await stage.connect('alice')
      const { userinfo } = stage.forgejo.counts
      expect(await alice.tool('test_leak_token').catch(String)).not.toContain('eyJ')
      await until('Forgejo was asked', () => stage.forgejo.counts.userinfo > userinfo)
      expect(await alice.whoami()).toBe('alice')
      expect(stage.forgejo.counts.refreshes).toBe(0)
    },
  )

  scenario(
    'the token is dead and cannot be renewed: 401 with the challenge, sessions sleep, a login heals them',
    { env: TOKEN_MODE },
    async (stage) => {
      const alice = await stage.connect('alice')
      const bob = await stage.connect('bob')
      await Bun.sleep(1_000)
      usedElsewhere(stage, 'alice')
      expireAccess(stage)
      await alice.tool('get_my_user_info').catch(() => {})
      await stage.audited('vault.died', /^superseded/)
      const refused = await stage.post(alice, 'tools/list')
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
      await bob.tool('get_my_user_info').catch(() => {})
      expect(await bob.whoami()).toBe('bob')
      await stage.connect({ user: 'alice', client: 'Phone' })
    },
  )

  scenario(
    'twenty simultaneous requests on two sessions whose token has ended: one refresh, and all go on',
    { env: TOKEN_MODE },
    async (stage) => {
      const people = [
        await stage.connect({ user: 'alice', client: 'Desktop' }),
        await stage.connect({ user: 'alice', client: 'Phone' }),
      ]
      await Bun.sleep(1_000)
      expireAccess(stage)
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => people[n % 2]?.whoami().catch(() => '')),
      )
      for (const person of people) expect(await person.whoami()).toBe('alice')
      expect(stage.forgejo.counts.refreshes).toBe(1)
    },
  )

  scenario(
    'Forgejo is down when a child must be started: 503 with Retry-After, tokens kept, and all goes on afterwards',
    { env: TOKEN_MODE },
    async (stage) => {
      const alice = await stage.connect('alice')
      for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
      await until('no child is left', () => stage.children().length === 0)
      await stage.forgejo.control.closePort()
      const refused = await until('the start fails', async () => {
        const answer = await stage.post(alice, 'tools/list')
        return answer.status === 503 && answer
      })
      expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
      expect(await refused.text()).toContain('connection test failed')
      stage.forgejo.control.openPort()
      await until('it goes on', async () => (await alice.whoami().catch(() => '')) === 'alice')
    },
  )
})
