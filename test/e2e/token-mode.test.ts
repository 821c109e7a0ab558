import { expect, test } from 'bun:test'
import { environmentOf, stillAlive } from '../fixtures/processes.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { until } from '../fixtures/until.ts'
import { startChorus } from './chorus.ts'
import { bearer, hello, send } from './wire.ts'
import { openWorld } from './world.ts'

const env = { FJMCP_BROKER_CHILD_CREDENTIAL: 'token', FJMCP_BROKER_REFRESH_LEAD: '4s' }

eachProgram('--child-credential token', (program) => {
  test('keeps sessions and loses no call while tokens are renewed and children replaced', async () => {
    await using world = await openWorld({ program, env })
    const { forgejo } = world
    for (const warning of ['each renewal starts new ones', 'fewer scopes'])
      await world.logged(warning)
    const [alice, bob] = await Promise.all([world.login('alice'), world.login('bob')])
    // Short-lived from here on: each renewal comes at half the token's life.
    forgejo.world.settings.accessTokenSeconds = 8
    await Promise.all([world.login('alice'), world.login('bob')])
    const sessions = await Promise.all([alice.open(), bob.open()])
    const children = world.children()
    for (const { pid } of children)
      expect(environmentOf(pid).FORGEJO_ACCESS_TOKEN).toStartWith('eyJ')

    const chorus = startChorus([
      { user: 'alice', ask: () => sessions[0].whoami() },
      { user: 'bob', ask: () => sessions[1].whoami() },
    ])
    await until('both tokens were renewed twice', () => forgejo.counts.refreshesGranted >= 4)
    await chorus.rounds(5)
    await until('the first children are gone', () => stillAlive(children).length === 0)
    const { failed, wrong, calls } = await chorus.stop()
    expect(failed).toEqual([])
    expect(wrong).toEqual([])
    expect(calls).toBeGreaterThan(40)
    expect(forgejo.counts.refreshes).toBe(forgejo.counts.refreshesGranted)
    for (const session of sessions) expect((await session.request('ping')).status).toBe(200)
  })

  test('gives a login with fewer scopes no child, and says so', async () => {
    await using world = await openWorld({ program, env })
    const narrow = await world.login('alice', { scope: 'read:user' })
    const refused = await send(world.mcpUrl, bearer(narrow), {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: hello(),
    })
    expect(refused.status).toBe(503)
    expect(refused.message?.error?.data).toMatchObject({ reason: 'operator' })
    expect(world.children()).toEqual([])
  })
})
