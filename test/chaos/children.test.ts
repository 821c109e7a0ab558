import { expect } from 'bun:test'
import { standInBinary } from '../fixtures/binary.ts'
import { until } from '../fixtures/until.ts'
import type { Person } from './people.ts'
import { type Stage, scenario } from './stage.ts'

/** The child of a person's session ends under a call, which says so. */
async function crash(person: Person): Promise<void> {
  const said = await person.tool('test_exit', { signal: 'SIGKILL' }).catch(String)
  expect(said).toContain('the child was killed by SIGKILL')
}

/** Ends every child of the broker, as an out-of-memory killer would. */
function killChildren(stage: Stage): void {
  for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
}

scenario(
  'a session whose child was idle is woken, once by twenty requests at once',
  { env: { FJMCP_BROKER_SESSION_IDLE_TIMEOUT: '400ms' } },
  async (stage) => {
    const alice = await stage.connect('alice')
    const bob = await stage.connect({ user: 'bob', sdk: 'v2' })
    await stage.audited('session.slept')
    const logins = await Promise.all(Array.from({ length: 20 }, () => alice.whoami()))
    expect(new Set(logins)).toEqual(new Set(['alice']))
    expect(await bob.whoami()).toBe('bob')
    await stage.audited('session.woke')
  },
)

scenario(
  'a child that crashes fails the calls in flight with their own error, and the next request wakes the session',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const hanging = [1, 2, 3].map(() => alice.tool('test_hang').catch(String))
    await Bun.sleep(200)
    await crash(alice)
    for (const said of await Promise.all(hanging)) expect(said).toContain('SIGKILL')
    expect(await alice.whoami()).toBe('alice')
    await stage.audited('child.crashed')
  },
)

scenario(
  'three crashes within a minute: 503 with Retry-After and the reason, for that account alone',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    const bob = await stage.connect('bob')
    // It goes on when the breaker has closed: that takes half a minute, and is shown by the long scenarios.
    stage.gone(alice)
    for (let n = 0; n < 3; n++) await crash(alice)
    const refused = await stage.post(alice, 'tools/list')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
    expect(await refused.text()).toMatch(/crashed 3 times within a minute.*tell whoever runs/)
    expect(await bob.whoami()).toBe('bob')
    await stage.audited('breaker.opened', /crashed 3 times/)
  },
)

scenario(
  'every child is killed at once, those that stand by too: nobody notices but the calls in flight',
  {},
  async (stage) => {
    const people = [
      await stage.connect('alice'),
      await stage.connect({ user: 'alice', client: 'Phone', sdk: 'v2' }),
      await stage.connect({ user: 'alice', client: 'Editor' }),
      await stage.connect('bob'),
    ]
    await until('children stand by', () => stage.children().length >= 5)
    killChildren(stage)
    for (const person of people) {
      await until(
        `${person.user} goes on`,
        async () => (await person.whoami().catch(() => '')) === person.user,
      )
    }
  },
)

scenario(
  'five hung calls: each gets its error at its deadline, and the session a successor',
  { env: { FJMCP_BROKER_CALL_TIMEOUT: '1s' } },
  async (stage) => {
    const alice = await stage.connect('alice')
    const [before] = stage.children()
    const hung = Array.from({ length: 5 }, () => alice.tool('test_hang').catch(String))
    for (const said of await Promise.all(hung)) expect(said).toContain('took longer than 1 s')
    expect(await alice.whoami()).toBe('alice')
    await until('the hung child is gone', () =>
      stage.children().every(({ pid }) => pid !== before?.pid),
    )
  },
)

scenario(
  'Forgejo hangs under five calls: each gets its error, and the session goes on',
  { env: { FJMCP_BROKER_CALL_TIMEOUT: '1s' } },
  async (stage) => {
    const alice = await stage.connect('alice')
    const undo = stage.forgejo.control.fault(/^GET \/api\/v1\/user$/, { kind: 'never' })
    const hung = Array.from({ length: 5 }, () => alice.tool('get_my_user_info').catch(String))
    for (const said of await Promise.all(hung)) expect(said).toMatch(/1 s|did not answer in time/)
    undo()
    expect(await alice.whoami()).toBe('alice')
  },
)

scenario(
  'the binary is replaced by one that can do as much: sessions go on; by one that can do less: 404, and the audit says why',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    await stage.broker.stop()
    await stage.start({ FJMCP_BROKER_FORGEJO_MCP_BINARY: standInBinary() })
    expect(await alice.whoami()).toBe('alice')

    await stage.broker.stop()
    const lesser = standInBinary({ testTools: true, without: 'logging' })
    await stage.start({ FJMCP_BROKER_FORGEJO_MCP_BINARY: lesser })
    expect((await stage.post(alice, 'tools/list')).status).toBe(404)
    expect((await stage.post(alice, 'tools/list')).status).toBe(404)
    await stage.audited('session.ended', 'mismatch: no capability logging any more')
    stage.gone(alice)
    await stage.connect({ user: 'alice', client: 'Phone' })
  },
)

scenario(
  'children that cannot start say why and are tried again by themselves',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    await stage.broker.stop()
    await stage.start({ FJMCP_BROKER_FORGEJO_MCP_BINARY: '/does/not/exist' })
    const refused = await stage.post(alice, 'tools/list')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
    expect(await refused.text()).toContain('cannot be started')
    await stage.audited('child.start-failed')
    await stage.broker.stop()
    await stage.start({ FJMCP_BROKER_FORGEJO_MCP_BINARY: standInBinary({ testTools: true }) })
    expect(await alice.whoami()).toBe('alice')
  },
)
