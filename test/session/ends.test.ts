import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { DAY_MS, MINUTE_MS } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import { rpcNotification } from '../../src/mcp/rpc.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.close())

/** Whatever is tried with an ended session gets the same answer. */
const expectEnded = async (id: string, session: Awaited<ReturnType<World['open']>>['session']) => {
  expect(world.registry.find(world.alice, id)).toEqual({ ok: false, error: 'not-found' })
  const refused = { ok: false, error: { kind: 'not-found' } }
  expect(await session.request(world.alice, tool('echo'), sink())).toMatchObject(refused)
  expect(
    await session.notify(world.alice, rpcNotification('notifications/initialized')),
  ).toMatchObject(refused)
  await world.clock.settle()
  expect(world.spawner.alive).toEqual([])
  expect(world.access.held()).toBe(0)
}

describe('a session ends', () => {
  test('by DELETE: its calls fail, its child stops, the audit says why', async () => {
    const { id, session } = await world.open()
    const open = world.call(session, tool('hang'))
    await world.clock.settle()
    world.registry.end(session, 'by the client')
    expect((await open).error?.data?.reason).toBe('stopped')
    await expectEnded(id, session)
    expect(world.audited('session.ended')).toEqual(['deleted: by the client'])
    expect(world.store.sessions.get(hashToken(id))).toMatchObject({
      endedAt: world.clock.now(),
      endReason: 'by the client',
    })
  })

  test('once only', async () => {
    const { session } = await world.open()
    world.registry.end(session, 'first')
    world.registry.end(session, 'second')
    expect(world.audited('session.ended')).toEqual(['deleted: first'])
  })

  test('with the family that opened it, and with no other', async () => {
    const mine = await world.open()
    const other = await world.open(world.second)
    world.registry.endFamily(world.second.familyId, 'token revoked')
    expect(world.registry.find(world.alice, other.id).ok).toBe(false)
    expect(world.registry.find(world.alice, mine.id).ok).toBe(true)
  })

  test('with each family of its account, asleep or awake', async () => {
    const asleep = await world.open()
    await world.clock.advance(MINUTE_MS)
    world.registry.reap(world.clock.now())
    const awake = await world.open(world.phone)
    const foreign = await world.open(world.bob)
    for (const { familyId } of [world.alice, world.phone])
      world.registry.endFamily(familyId, 'revoked at Forgejo')
    expect(world.registry.find(world.alice, asleep.id).ok).toBe(false)
    expect(world.registry.find(world.phone, awake.id).ok).toBe(false)
    expect(world.registry.find(world.bob, foreign.id).ok).toBe(true)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(1)
  })

  test('while its child is being woken: the child is stopped and the request refused', async () => {
    const { id, session } = await world.open()
    world.spawner.last.die()
    await world.clock.settle()
    world.spawner.behave({ mute: true })
    const waiting = session.request(world.alice, tool('echo'), sink())
    await world.clock.settle()
    world.registry.end(session, 'by the client')
    expect(await waiting).toMatchObject({ ok: false, error: { kind: 'not-found' } })
    await expectEnded(id, session)
    expect(world.audited('child.start-failed')).toEqual([])
  })

  test('before it began, when the access is revoked during initialize', async () => {
    world.spawner.behave({ mute: true })
    const opening = world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      sink(),
    )
    await world.clock.settle()
    world.registry.endFamily(world.alice.familyId, 'revoked')
    expect(await opening).toMatchObject({ ok: false, error: { kind: 'login' } })
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.store.sessions.count()).toBe(0)
  })

  test('in the midst of a hand-over, with both children', async () => {
    await world.close()
    world = createWorld({ config: { childCredential: 'token' } })
    const { id, session } = await world.open()
    const open = world.call(session, tool('hold'))
    await world.clock.settle()
    world.access.renew()
    world.registry.credentialRenewed(world.alice.accountId)
    await world.clock.settle()
    expect(world.spawner.alive).toHaveLength(2)
    world.registry.end(session, 'by the client')
    expect((await open).error?.data?.reason).toBe('stopped')
    await expectEnded(id, session)
  })

  test('after 30 days without use, asleep or awake, and its row goes a day later', async () => {
    const { id, session } = await world.open()
    await world.clock.advance(29 * DAY_MS)
    world.registry.reap(world.clock.now())
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    await world.clock.advance(30 * DAY_MS)
    expect(world.registry.find(world.alice, id).ok).toBe(false)
    world.registry.reap(world.clock.now())
    await expectEnded(id, session)
    expect(world.audited('session.ended')).toEqual(['disuse: not used for too long'])
    await world.clock.advance(DAY_MS + 1)
    world.registry.reap(world.clock.now())
    expect(world.store.sessions.get(hashToken(id))).toBeUndefined()
  })

  test('never by age when the age is 0', async () => {
    await world.close()
    world = createWorld({ config: { sessionMaxAgeMs: 0 } })
    const { id } = await world.open()
    await world.clock.advance(1_000 * DAY_MS)
    world.registry.reap(world.clock.now())
    expect(world.registry.find(world.alice, id).ok).toBe(true)
  })
})

describe('another process', () => {
  test('closes a session by writing it down', async () => {
    const { id, session } = await world.open()
    world.registry.obey()
    world.foreign.run('UPDATE sessions SET close_requested_at = 1')
    world.registry.obey()
    await expectEnded(id, session)
    expect(world.audited('session.ended')).toEqual(['operator: closed by the operator'])
  })

  test('that closes a session is obeyed even before it is heard', async () => {
    const { id } = await world.open()
    await world.registry.stopAll(0)
    world.foreign.run('UPDATE sessions SET close_requested_at = 1')
    expect(world.restart().find(world.alice, id).ok).toBe(false)
  })

  test.each([
    ['family', "UPDATE families SET revoked_at = 1 WHERE id = 'family-alice-laptop'"],
    ['grant', "UPDATE grants SET revoked_at = 1 WHERE id = 'grant-alice-laptop'"],
    ['client', "UPDATE clients SET revoked_at = 1 WHERE id = 'laptop'"],
  ])('that revokes a %s ends its sessions', async (_what, sql) => {
    const { id, session } = await world.open()
    const other = await world.open(world.phone)
    world.registry.obey()
    world.foreign.run(sql)
    world.registry.obey()
    expect(world.registry.find(world.phone, other.id).ok).toBe(true)
    world.registry.end(other.session, 'done')
    await expectEnded(id, session)
    expect(world.audited('session.ended')).toContain('revoked: access was revoked')
  })

  test('that revokes a login keeps it from opening a session, though its token was good a moment ago', async () => {
    world.foreign.run("UPDATE families SET revoked_at = 1 WHERE id = 'family-alice-laptop'")
    world.registry.obey()
    const opening = world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      sink(),
    )
    expect(await opening).toMatchObject({ ok: false, error: { kind: 'login' } })
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    expect(world.store.sessions.count()).toBe(0)
  })

  test('that holds the store keeps no answer from its caller', async () => {
    const { session } = await world.open()
    world.foreign.run('BEGIN IMMEDIATE')
    const answer = sink()
    await session.request(world.alice, request('logging/setLevel', { level: 'debug' }), answer)
    await world.clock.settle()
    world.foreign.run('COMMIT')
    expect(answer.ends).toHaveLength(1)
  })

  test('that holds the store costs a child that cannot be written down, and says why', async () => {
    world.foreign.run('BEGIN IMMEDIATE')
    const opened = await world.registry.initialize(
      world.alice,
      request('initialize', INITIALIZE),
      sink(),
    )
    await world.clock.settle()
    world.foreign.run('COMMIT')
    expect(opened.ok ? '' : opened.error.reason).toMatch(/could not be written down .*locked/)
    // It heard its first words before: both take their time.
    expect(world.spawner.last.methods()).toEqual(['initialize'])
    expect(world.spawner.alive).toEqual([])
    expect(world.access.held()).toBe(0)
  })

  test('that holds the store delays the writing of an end, not the end', async () => {
    const { id, session } = await world.open()
    world.foreign.run('BEGIN IMMEDIATE')
    world.registry.end(session, 'by the client')
    await expectEnded(id, session)
    world.foreign.run('COMMIT')
    expect(world.audited('session.ended')).toEqual([])
    world.registry.obey()
    expect(world.audited('session.ended')).toEqual(['deleted: by the client'])
    world.registry.reap(world.clock.now())
    expect(world.store.children.list()).toEqual([])
  })
})
