import { expect } from 'bun:test'
import type { Fault } from '../fixtures/forgejo/faults.ts'
import { createProvider } from '../fixtures/mcp-client.ts'
import { until } from '../fixtures/until.ts'
import { expireAccess, refreshOf } from './faults.ts'
import { connectPerson, type Person } from './people.ts'
import { type Stage, scenario } from './stage.ts'

const HTML = { 'Content-Type': 'text/html' }
const page = (status: number, more: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  body: '<html><title>Sorry</title><body>Sorry</body></html>',
  headers: { ...HTML, ...more },
})

/** Connects one person for each fault, whose refreshes come to it the next so many times. */
async function connectAll(stage: Stage, faults: Record<string, Fault>, times: number) {
  const people: Person[] = []
  for (const [user, fault] of Object.entries(faults)) {
    stage.forgejo.addUser(user)
    people.push(await stage.connect(user))
    stage.forgejo.control.fault(refreshOf(stage, user), fault, times)
  }
  return people
}

/** Asks until Forgejo's answer comes through. */
const recovers = (person: Person): Promise<unknown> =>
  until(
    `${person.user} goes on`,
    async () => (await person.whoami().catch(() => '')) === person.user,
  )

scenario(
  'refreshes are answered with pages of proxies, 429 and a bot wall: tokens are kept, backed off, tried again',
  {},
  async (stage) => {
    const people = await connectAll(
      stage,
      {
        one: page(500),
        two: page(502),
        three: page(503),
        four: page(504),
        five: page(429, { 'Retry-After': '2' }),
        six: page(200),
      },
      2,
    )
    expireAccess(stage)
    const said = await Promise.all(people.map((p) => p.tool('get_my_user_info').catch(String)))
    for (const text of said) {
      expect(text).toContain('cannot be renewed right now, try again later')
      expect(text).not.toContain('Sorry')
    }
    // Nothing but calls to Forgejo suffers meanwhile.
    const [first] = people
    if (first) expect((await stage.post(first, 'tools/list')).status).toBe(200)
    await Promise.all(people.map(recovers))
    expect(stage.audit().filter(({ event }) => event === 'vault.died')).toEqual([])
    // One bad answer, one repeat of what may have been lost, one more try after the pause, one success.
    expect(stage.forgejo.counts.refreshesGranted).toBe(people.length)
  },
)

scenario(
  'Forgejo refreshes, and its answer arrives empty or cut short: one repeat, then one clean login',
  {},
  async (stage) => {
    const people = await connectAll(
      stage,
      { one: { kind: 'empty' }, two: { kind: 'truncated' }, three: { kind: 'cut' } },
      1,
    )
    expireAccess(stage)
    for (const person of people) {
      await person.tool('get_my_user_info').catch(() => {})
      expect((await stage.post(person, 'ping')).status).toBe(401)
    }
    expect(stage.audit().filter(({ event }) => event === 'vault.died')).toHaveLength(3)
    expect(stage.forgejo.counts.refreshes).toBe(6)
    for (const { user } of people) await stage.connect({ user, client: 'Phone' })
  },
)

scenario(
  'the API of Forgejo answers 500, 502, 429 and a bot wall: only the call fails, and says so',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    for (const fault of [page(500), page(502), page(429), page(200), { kind: 'empty' } as const]) {
      stage.forgejo.control.fault('api', fault, 1)
      const said = await alice.tool('get_my_user_info').catch((error) => `failed: ${error}`)
      expect(said).not.toContain('"login"')
      expect(await alice.whoami()).toBe('alice')
    }
    expect(stage.forgejo.counts.refreshes).toBe(0)
  },
)

scenario(
  'Forgejo refuses connections: sessions stay, calls say so, and go on when it is back',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    await stage.forgejo.control.closePort()
    expect(await alice.tool('get_my_user_info').catch(String)).toContain('cannot be reached')
    expect((await stage.post(alice, 'tools/list')).status).toBe(200)
    // Also a session that has to be woken meanwhile.
    const [child] = stage.children()
    for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
    expect(child).toBeDefined()
    await until('the session wakes', async () => (await stage.post(alice, 'tools/list')).ok)
    stage.forgejo.control.openPort()
    await recovers(alice)
  },
)

scenario(
  'Forgejo’s TLS is broken: calls say that it cannot be reached, tokens are kept',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    await stage.broker.stop()
    await stage.start({
      FJMCP_BROKER_FORGEJO_INTERNAL_URL: stage.forgejo.url.replace('http:', 'https:'),
    })
    expect(await alice.tool('get_my_user_info').catch(String)).toContain('cannot be reached')
    expect((await stage.post(alice, 'tools/list')).status).toBe(200)
    await stage.broker.stop()
    await stage.start({ FJMCP_BROKER_FORGEJO_INTERNAL_URL: '' })
    expect(await alice.whoami()).toBe('alice')
  },
)

scenario(
  'userinfo answers with a page, with nothing or with half a document as somebody logs in: a page says to try again',
  {},
  async (stage) => {
    const bob = await stage.connect('bob')
    for (const fault of [page(502), page(200), { kind: 'truncated' } as const]) {
      stage.forgejo.control.fault('userinfo', fault, 1)
      const provider = createProvider({ user: 'alice', password: 'password' })
      const outcome = await connectPerson(stage.mcpUrl, { user: 'alice', provider }).catch(String)
      expect(String(outcome)).not.toContain('Sorry')
      expect(provider.saved.tokens).toBeUndefined()
    }
    await stage.connect('alice')
    expect(await bob.whoami()).toBe('bob')
  },
)

scenario(
  'Forgejo’s ROOT_URL is another than the configured one: it works, and the log warns',
  {},
  async (stage) => {
    const alice = await stage.connect('alice')
    stage.forgejo.control.advertise('https://forge.example')
    await stage.restart()
    await stage.logged("Forgejo's ROOT_URL is another than --forgejo-url")
    expect(await alice.whoami()).toBe('alice')
    await stage.connect({ user: 'alice', client: 'Phone' })
  },
)
