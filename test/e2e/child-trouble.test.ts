import { expect, test } from 'bun:test'
import { eachProgram } from '../fixtures/programs.ts'
import { bearer, hello, send } from './wire.ts'
import { openWorld } from './world.ts'

const INITIALIZE = { jsonrpc: '2.0', id: 5, method: 'initialize', params: hello() }

eachProgram('trouble with a child', (program) => {
  test("its death under a call is that call's own error, and the session goes on", async () => {
    await using world = await openWorld({ program })
    const session = await (await world.login('alice')).open()
    const dead = await session.request('tools/call', { name: 'test_exit', arguments: {} })
    expect(dead.status).toBe(200)
    expect(dead.message?.error).toMatchObject({ code: -32603, data: { reason: 'child-died' } })
    expect(await session.whoami()).toBe('alice')
  })

  test('it starts while Forgejo is down, when the version was learnt before: only its calls fail', async () => {
    await using world = await openWorld({ program })
    const alice = await world.login('alice')
    const session = await alice.open()
    await world.restart('SIGTERM')
    const undo = world.forgejo.control.outage(502)
    expect((await session.request('ping')).status).toBe(200)
    const failed = await session.request('tools/call', { name: 'get_my_user_info', arguments: {} })
    expect(failed.status).toBe(200)
    expect(failed.message?.error?.code).toBe(-32603)
    undo()
    expect(await session.whoami()).toBe('alice')
    expect((await send(world.mcpUrl, bearer(alice), INITIALIZE)).status).toBe(200)
  })

  test('503 with Retry-After when its program is not there, and the log says so', async () => {
    await using world = await openWorld({ program, binary: '/does/not/exist' })
    const alice = await world.login('alice')
    const reply = await send(world.mcpUrl, bearer(alice), INITIALIZE)
    expect(reply.status).toBe(503)
    expect(Number(reply.headers.get('retry-after'))).toBeWithin(1, 61)
    expect(reply.message).toMatchObject({ id: 5, error: { data: { reason: 'start-failed' } } })
    await world.logged('child did not start')
  })

  test('503 with Retry-After when Forgejo is down and its version was never learnt', async () => {
    await using world = await openWorld({ program })
    const alice = await world.login('alice')
    world.forgejo.control.outage(502, 'version')
    const reply = await send(world.mcpUrl, bearer(alice), INITIALIZE)
    expect(reply.status).toBe(503)
    expect(Number(reply.headers.get('retry-after'))).toBeWithin(1, 61)
    world.forgejo.control.clear()
  })
})
