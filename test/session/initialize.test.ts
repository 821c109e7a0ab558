import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { hashToken } from '../../src/crypto.ts'
import { createWorld, INITIALIZE, request, sink, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

describe('initialize', () => {
  test('starts a child, forwards the client’s parameters and answers under the client’s id', async () => {
    const answer = sink()
    const opened = await world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE, 'first'),
      answer,
    )
    expect(opened.ok && opened.value.sessionId).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(await answer.reply).toMatchObject({
      id: 'first',
      result: { protocolVersion: '2025-11-25' },
    })
    expect(world.spawner.children).toHaveLength(1)
    expect(world.spawner.last.received[0]).toMatchObject({
      method: 'initialize',
      params: INITIALIZE,
    })
  })

  test('stores the session under a hash only', async () => {
    const { id } = await world.open()
    const row = world.store.sessions.get(hashToken(id))
    expect(row).toMatchObject({ accountId: world.alice.accountId, protocolVersion: '2025-11-25' })
    const everything = JSON.stringify(world.foreign.query('SELECT * FROM sessions').all())
    expect(everything).not.toContain(id)
  })

  test('gives the child its address, its credential and nothing of the broker’s environment', async () => {
    await world.open()
    const { spec } = world.spawner.last
    expect(spec.args).toEqual(['--transport', 'stdio', '--url', 'http://127.0.0.1:1/relay'])
    expect(spec.env).toEqual({
      PATH: process.env.PATH ?? '',
      HOME: spec.cwd,
      FORGEJO_ACCESS_TOKEN: 'credential-1-1',
      FORGEJO_USER_AGENT: 'fjmcp-broker/test',
      GOMEMLIMIT: `${64 * 1024 * 1024}B`,
      HTTP_PROXY: 'http://127.0.0.1:1',
    })
    expect(spec.secrets).toContain('credential-1-1')
  })

  test('that the child declines passes its error through and makes no session', async () => {
    world.spawner.behave({ decline: { code: -32602, message: 'unsupported' } })
    const answer = sink()
    const opened = await world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      answer,
    )
    expect(opened).toEqual({ ok: true, value: { sessionId: undefined } })
    expect(await answer.reply).toMatchObject({ id: 1, error: { code: -32602 } })
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.store.sessions.count()).toBe(0)
    expect(world.access.held()).toBe(0)
  })

  test('is recorded while the child runs, and audited', async () => {
    const { id } = await world.open()
    expect(world.store.children.list()).toMatchObject([
      { pid: world.spawner.last.pid, sessionHash: hashToken(id) },
    ])
    expect(world.audited('session.created')).toHaveLength(1)
    world.spawner.last.die()
    await world.clock.settle()
    expect(world.store.children.list()).toEqual([])
  })
})
