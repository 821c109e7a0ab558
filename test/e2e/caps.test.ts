import { expect, test } from 'bun:test'
import { eachProgram } from '../fixtures/programs.ts'
import type { Reply, Session } from './wire.ts'
import { bearer, hello, send } from './wire.ts'
import { openWorld, type World } from './world.ts'

/** A call that does not end before it is let go. */
async function busy(world: World, session: Session) {
  const held = world.forgejo.control.hold(/^GET \/api\/v1\/user$/)
  const call = session.whoami()
  call.catch(() => {})
  await held.arrived
  return { call, release: held.release }
}

const retryAfter = (reply: Reply): number => Number(reply.headers.get('retry-after'))

eachProgram('the caps on children', (program) => {
  test('in all: the longest idle one makes room; when all are busy a new one is told when to come back', async () => {
    await using world = await openWorld({ program, env: { FJMCP_BROKER_MAX_SESSIONS: '2' } })
    const [alice, bob] = await Promise.all([world.login('alice'), world.login('bob')])
    const first = await alice.open()
    const second = await bob.open()
    await first.whoami()
    const [children, third] = [world.children(), await alice.open()]
    expect(world.children()).toHaveLength(2)
    // Bob's was idle longer than alice's, and wakes when it is asked.
    expect(world.children()).toContainEqual(children[0] as never)
    expect(await second.whoami()).toBe('bob')
    expect(world.children()).toHaveLength(2)
    expect(await third.whoami()).toBe('alice')

    const calls = [await busy(world, second), await busy(world, third)]
    const initialize = { jsonrpc: '2.0', id: 7, method: 'initialize', params: hello() }
    const refused = await send(world.mcpUrl, bearer(bob), initialize)
    expect(refused.status).toBe(503)
    expect(retryAfter(refused)).toBeWithin(1, 61)
    expect(refused.message).toMatchObject({ id: 7, error: { data: { reason: 'full' } } })
    expect(refused.headers.get('mcp-session-id')).toBeNull()
    const asleep = await first.request('ping')
    expect(asleep.status).toBe(503)
    expect(retryAfter(asleep)).toBeWithin(1, 61)

    for (const { release } of calls) release()
    expect(await Promise.all(calls.map(({ call }) => call))).toEqual(['bob', 'alice'])
    expect((await send(world.mcpUrl, bearer(bob), initialize)).status).toBe(200)
    expect(await first.whoami()).toBe('alice')
    expect(world.children()).toHaveLength(2)
  })

  test('for one user: the others have their own', async () => {
    await using world = await openWorld({
      program,
      env: { FJMCP_BROKER_MAX_SESSIONS_PER_USER: '1' },
    })
    const [alice, bob] = await Promise.all([world.login('alice'), world.login('bob')])
    const [mine, theirs] = await Promise.all([alice.open(), bob.open()])
    const call = await busy(world, mine)
    const refused = await send(world.mcpUrl, bearer(alice), {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: hello(),
    })
    expect(refused.status).toBe(503)
    expect(await theirs.whoami()).toBe('bob')
    call.release()
    expect(await call.call).toBe('alice')
    const other = await alice.open()
    expect(await other.whoami()).toBe('alice')
    expect(await mine.whoami()).toBe('alice')
    expect(world.children()).toHaveLength(2)
  })
})
