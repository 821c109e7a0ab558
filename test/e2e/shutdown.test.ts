import { expect, test } from 'bun:test'
import { recordedChildren, stillAlive } from '../fixtures/processes.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { toolText } from './wire.ts'
import { openWorld, type World } from './world.ts'

const whoami = { name: 'get_my_user_info', arguments: {} }

/** A session with a call that Forgejo has in hand, and the way to let it go on. */
async function inFlight(world: World) {
  const session = await (await world.login('alice')).open()
  const held = world.forgejo.control.hold(/^GET \/api\/v1\/user$/)
  const call = session.request('tools/call', whoami)
  call.catch(() => {})
  await held.arrived
  const [child] = recordedChildren(world.storePath, session.hash)
  if (child === undefined) throw new Error('the session has no child')
  return { session, call, release: held.release, child, children: world.children() }
}

const stopping = (world: World) => world.logged('"event":"stopping"')

eachProgram('SIGTERM', (program) => {
  test('lets a call in flight end, takes no new one, leaves no child and exits with 0', async () => {
    await using world = await openWorld({ program })
    const { session, call, release, child, children } = await inFlight(world)
    world.broker.signal('SIGTERM')
    await stopping(world)
    const late = await session.request('tools/list').catch(() => undefined)
    if (late) expect(late.status).toBe(503)
    expect(stillAlive([child])).toHaveLength(1)
    release()
    expect(toolText(await call)).toContain('"login":"alice"')
    expect(await world.broker.exited).toBe(0)
    expect(stillAlive(children)).toEqual([])
    await world.start()
    expect(await session.whoami()).toBe('alice')
  })

  test('gives a call that outlasts the grace its error', async () => {
    await using world = await openWorld({ program, env: { FJMCP_BROKER_SHUTDOWN_GRACE: '300ms' } })
    const { call, release, children } = await inFlight(world)
    world.broker.signal('SIGTERM')
    const reply = await call
    release()
    expect(reply.status).toBe(200)
    expect(reply.message?.error).toMatchObject({ code: -32603, data: { reason: 'stopped' } })
    expect(await world.broker.exited).toBe(0)
    expect(stillAlive(children)).toEqual([])
  })

  test('ends at once when it comes twice', async () => {
    await using world = await openWorld({ program, env: { FJMCP_BROKER_SHUTDOWN_GRACE: '10m' } })
    const { session, children } = await inFlight(world)
    await session.tool('test_deaf')
    world.broker.signal('SIGTERM')
    await stopping(world)
    world.broker.signal('SIGTERM')
    expect(await world.broker.exited).toBe(1)
    expect(stillAlive(children)).toEqual([])
  })

  test('comes as well while nobody has logged in', async () => {
    await using world = await openWorld({ program })
    expect(await world.broker.stop('SIGINT')).toBe(0)
  })
})
