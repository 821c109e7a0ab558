import { expect } from 'bun:test'
import { openSession } from '../../e2e/wire.ts'
import { until } from '../../fixtures/until.ts'
import { expireAccess, refreshOf } from '../faults.ts'
import type { Person } from '../people.ts'
import { scenario } from '../stage.ts'

// What takes longer than anybody waits for in a check. `bun run chaos` runs it.

const LONG_MS = 180_000

scenario(
  'a refresh that hangs past its limit and is answered late: the late answer is kept',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    expireAccess(stage)
    stage.forgejo.control.fault(refreshOf(stage, 'alice'), { kind: 'late', ms: 16_000 }, 1)
    const text = await alice.tool('get_my_user_info').catch(String)
    expect(text).toContain('try again later')
    await Bun.sleep(2_000)
    expect(await alice.whoami()).toBe('alice')
    expect(stage.forgejo.counts.refreshes).toBe(1)
  },
)

scenario(
  'Forgejo takes a second for everything: logins, refreshes and calls still come through',
  {},
  async (stage) => {
    stage.forgejo.control.fault('any', { kind: 'late', ms: 300 })
    stage.forgejo.control.fault('token', { kind: 'late', ms: 1_000 })
    stage.forgejo.control.fault('userinfo', { kind: 'delay', ms: 1_000 })
    const alice = await stage.connect('alice')
    expireAccess(stage)
    expect(await alice.whoami()).toBe('alice')
    stage.forgejo.control.clear()
  },
)

scenario(
  'Forgejo says that its tokens live 5 seconds, 30 days, or nothing about it: no storm of refreshes, no overflow',
  { env: { FJMCP_BROKER_REFRESH_LEAD: '2s' } },
  async (stage) => {
    const { control, counts } = stage.forgejo
    const people: Person[] = []
    for (const [user, seconds] of [
      ['brief', 5],
      ['long', 30 * 24 * 3600],
      ['silent', null],
    ] as const) {
      stage.forgejo.addUser(user)
      control.sayExpiresIn(seconds)
      people.push(await stage.connect(user))
    }
    control.sayExpiresIn(5)
    const end = Date.now() + 6_000
    while (Date.now() < end) {
      for (const person of people) expect(await person.whoami()).toBe(person.user)
      await Bun.sleep(100)
    }
    // Only the brief one is renewed, about every three seconds.
    expect(counts.refreshesGranted).toBeWithin(1, 5)
    expect(counts.refreshes).toBe(counts.refreshesGranted)
  },
)

scenario(
  'Forgejo needs 29 s for a refresh, or never answers: calls are told to come back, and the broker does not hang',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const bob = await stage.connect('bob')
    stage.forgejo.control.fault(refreshOf(stage, 'alice'), { kind: 'late', ms: 29_000 }, 1)
    stage.forgejo.control.fault(refreshOf(stage, 'bob'), { kind: 'never' }, 1)
    expireAccess(stage)
    const said = await Promise.all(
      [alice, bob].map((person) => person.tool('get_my_user_info').catch(String)),
    )
    for (const text of said) expect(text).toContain('try again later')
    for (const person of [alice, bob])
      await until(
        `${person.user} goes on`,
        async () => (await person.whoami().catch(() => '')) === person.user,
        90_000,
      )
    // Forgejo has seen one of alice's, and of bob's the second, after the first had been lost for a minute.
    expect(stage.forgejo.counts.refreshes).toBe(2)
  },
  LONG_MS,
)

scenario(
  'Forgejo does not answer as somebody logs in: the client gets its error in time, and the next login succeeds',
  {},
  async (stage) => {
    const undo = stage.forgejo.control.fault('exchange', { kind: 'never' })
    const began = performance.now()
    expect(await stage.login('alice').catch(String)).toContain('code is missing')
    expect(performance.now() - began).toBeLessThan(30_000)
    undo()
    await stage.connect('alice')
  },
  LONG_MS,
)

scenario(
  'token mode: Forgejo hangs as a child must be started: 503 in time, the child is killed, and all goes on afterwards',
  { env: { FJMCP_BROKER_CHILD_CREDENTIAL: 'token' } },
  async (stage) => {
    const alice = await stage.connect('alice')
    for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
    const undo = stage.forgejo.control.fault('version', { kind: 'never' })
    await until('no child is left', () => stage.children().length === 0)
    // A call that comes before the broker has seen the end of the child ends with it.
    const refused = await until(
      'a call that needs a child',
      async () => {
        const { status, body } = await stage.post(alice, 'tools/list').then(async (answer) => ({
          status: answer.status,
          body: await answer.text(),
        }))
        return status === 503 ? body : undefined
      },
      LONG_MS,
    )
    expect(refused).toContain('did not answer within')
    // One may stand by, which hangs as well and is found out when it is needed.
    await until('the hanging child is gone', () => stage.children().length <= 1)
    undo()
    await until('it goes on', async () => (await alice.whoami().catch(() => '')) === 'alice')
  },
  LONG_MS,
)

scenario(
  'the breaker closes by itself after half a minute, and opens again when the next child crashes too',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const crash = () => alice.tool('test_exit', { signal: 'SIGKILL' }).catch(String)
    for (let n = 0; n < 3; n++) expect(await crash()).toContain('SIGKILL')
    const closed = async () => (await stage.post(alice, 'tools/list')).status === 200
    expect(await closed()).toBe(false)
    await until('the breaker closes', closed, 40_000)
    expect(await crash()).toContain('SIGKILL')
    expect(await closed()).toBe(false)
    await until('the breaker closes again', closed, 40_000)
    expect(stage.audit().filter(({ event }) => event === 'breaker.opened')).toHaveLength(2)
  },
  LONG_MS,
)

scenario(
  'a session that was never used after initialize sleeps within a minute, and wakes when it is used after all',
  {},
  async (stage) => {
    const alice = await stage.login('alice')
    const sessions = []
    for (let n = 0; n < 5; n++) sessions.push(await openSession(stage.mcpUrl, alice))
    const began = performance.now()
    await until('all of them sleep', () => stage.children().length <= 1, 75_000)
    expect(performance.now() - began).toBeLessThan(62_000)
    for (const session of sessions) expect(await session.whoami()).toBe('alice')
  },
  LONG_MS,
)
