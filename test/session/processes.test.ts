import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { createSpawn, type Spawn } from '../../src/child/child.ts'
import { findStartTime } from '../../src/child/orphans.ts'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import type { RpcResponse } from '../../src/mcp/rpc.ts'
import { everythingBinary, scriptedBinary, standInBinary } from '../fixtures/binary.ts'
import { createWorld, request, sink, tool, type World } from './world.ts'

const spawn: Spawn = createSpawn({ clock: systemClock, log: silentLog, graceMs: 300 })
let forgejo: ReturnType<typeof Bun.serve>
let world: World

beforeAll(() => {
  forgejo = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => Response.json({ version: '15.0.3' }),
  })
})
afterAll(() => forgejo.stop(true))
afterEach(() => world.close())

const start = (forgejoMcpBinary: string, more: Parameters<typeof createWorld>[0] = {}) => {
  world = createWorld({
    ...more,
    config: { forgejoMcpBinary, ...more.config },
    spawn,
    realTime: true,
    url: forgejo.url.href,
  })
  return world
}

const pids = () => world.store.children.list().map(({ pid }) => pid)
const running = () => pids().filter((pid) => findStartTime(pid) !== '')

/** Waits for what another process does; the test's own timeout bounds it. */
const until = async (holds: () => boolean) => {
  while (!holds()) await Bun.sleep(5)
}

describe('real children', () => {
  test('answer, sleep and wake under one session', async () => {
    start(standInBinary({ testTools: true }), { config: { sessionIdleTimeoutMs: 1 } })
    const { session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    const first = await world.call(session, tool('test_echo', { n: 1 }))
    expect(first.result?.content).toEqual([{ type: 'text', text: '{"n":1}' }])
    const [before] = running()
    await Bun.sleep(2)
    world.registry.reap(systemClock.now())
    await until(() => pids().length === 0)
    expect(findStartTime(before ?? 0)).toBe('')
    expect((await world.call(session, tool('test_echo', { n: 2 }))).result).toBeDefined()
    expect(running()).toHaveLength(1)
    expect(running()).not.toContain(before ?? 0)
  })

  test('that are killed fail their calls, and the session goes on', async () => {
    start(standInBinary({ testTools: true }))
    const { session } = await world.open()
    const open = world.call(session, tool('test_hang'))
    await world.call(session, tool('test_echo'))
    for (const pid of running()) process.kill(pid, 'SIGKILL')
    expect((await open).error).toMatchObject({ code: -32603, data: { reason: 'child-died' } })
    expect((await world.call(session, tool('test_echo'))).result).toBeDefined()
  })

  test('that say lines over the cap fail the call that it answers and no other', async () => {
    start(standInBinary({ testTools: true }), { config: { maxBodyBytes: 64 * 1024 } })
    const { session } = await world.open()
    const other = sink()
    await session.request(world.alice, tool('test_ask'), other)
    await until(() => other.messages.length > 0)
    const huge = await world.call(session, tool('test_large', { bytes: 1024 * 1024 }))
    expect(huge.error).toMatchObject({ code: -32603, data: { reason: 'line-too-long' } })
    const params = { level: 'info', data: 'x'.repeat(1024 * 1024) }
    expect((await world.call(session, tool('test_notify', { params }))).result).toBeDefined()
    const { id } = JSON.parse(other.messages[0] ?? '') as { id: number }
    const given: RpcResponse = { kind: 'response', id, idText: String(id), result: { said: 'yes' } }
    await session.answer(world.alice, given)
    expect(JSON.stringify((await other.reply).result)).toContain('said')
  })

  test('have every line counted that is no JSON, however long', async () => {
    start(standInBinary({ testTools: true }))
    const { session } = await world.open()
    for (const rest of ['', 'x'.repeat(100_000)]) {
      const garbage = tool('test_garbage', { text: `{"id":1,"re\\qsult":"${rest}"}\n` })
      expect((await world.call(session, garbage)).result).toBeDefined()
    }
    const { values } = await world.metrics.childNoise.get()
    expect(values[0]?.value).toBe(2)
  })

  test('of a renewed token take over while the old one finishes its call', async () => {
    start(standInBinary({ testTools: true }), { config: { childCredential: 'token' } })
    const { session } = await world.open()
    const [old] = running()
    const open = world.call(session, tool('test_slow', { ms: 400, text: 'finished' }))
    world.access.renew()
    world.registry.credentialRenewed(world.alice.accountId)
    await until(() => running().length === 2)
    const during = await world.call(session, tool('test_echo', { n: 1 }))
    expect(during.result).toBeDefined()
    expect((await open).result?.content).toEqual([{ type: 'text', text: 'finished' }])
    await until(() => running().length === 1)
    expect(running()).not.toContain(old ?? 0)
  })

  test('that come back with another protocol end the session', async () => {
    start(standInBinary())
    const { id } = await world.open()
    await world.registry.stopAll(0)
    world.config.forgejoMcpBinary = standInBinary({ protocol: '2024-11-05' })
    const found = world.restart().find(world.alice, id)
    if (!found.ok) throw new Error('lost')
    const refused = await found.value.request(world.alice, request('ping'), {
      message() {},
      end() {},
    })
    expect(refused).toMatchObject({ ok: false, error: { kind: 'not-found' } })
    await until(() => pids().length === 0)
  })

  test('that crash at start are a start failure with their last words', async () => {
    start(scriptedBinary('crash'))
    const opened = await world.open().catch((error: Error) => error.message)
    expect(opened).toContain('start-failed')
    expect(pids()).toEqual([])
    expect(world.access.held()).toBe(0)
  })

  test('that nobody here wrote are served just as well', async () => {
    start(everythingBinary())
    const { session } = await world.open()
    await world.notify(session, 'notifications/initialized')
    const reply = await world.call(session, tool('echo', { message: 'hello' }))
    expect(JSON.stringify(reply.result)).toContain('hello')
  })

  test('all of them are gone when the broker has stopped', async () => {
    start(standInBinary({ testTools: true }))
    const sessions = await Promise.all(Array.from({ length: 4 }, () => world.open()))
    const hung = sessions.map(({ session }) => world.call(session, tool('test_hang')))
    const all = running()
    expect(all).toHaveLength(4)
    await world.registry.stopAll(50)
    for (const reply of await Promise.all(hung)) expect(reply.error?.data?.reason).toBe('stopped')
    expect(all.map(findStartTime)).toEqual(['', '', '', ''])
    expect(pids()).toEqual([])
  })
})
