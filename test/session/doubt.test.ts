import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { SECOND_MS } from '../../src/clock.ts'
import { soundsRejected } from '../../src/session/doubt.ts'
import { createWorld, INITIALIZE, request, sink, tool, type World } from './world.ts'

let world: World
/** What Forgejo is asked, and what it says. */
let asked: PromiseWithResolvers<boolean>[]

beforeEach(() => {
  world = createWorld({ config: { childCredential: 'token' } })
  asked = []
  world.access.doubted(() => {
    const question = Promise.withResolvers<boolean>()
    asked.push(question)
    return question.promise
  })
})
afterEach(() => world.close())

const DEAD = 'get user info err: user does not exist [uid: 0, name: ]'

describe('a call that fails as if the token were dead', () => {
  test('keeps its error; the next one waits for Forgejo and gets a child with the new token', async () => {
    const { session } = await world.open()
    const [old] = world.spawner.children
    expect((await world.call(session, tool('fail', { text: DEAD }))).error?.message).toBe(DEAD)
    const next = world.call(session, tool('echo'))
    await world.clock.settle()
    expect(asked).toHaveLength(1)
    expect(old?.methods()).toEqual(['initialize', 'tools/call'])
    world.access.renew()
    world.registry.credentialRenewed(world.alice.accountId)
    asked[0]?.resolve(true)
    expect((await next).result).toMatchObject({ pid: world.spawner.last.pid })
    expect(world.spawner.children).toHaveLength(2)
    await world.clock.advance(SECOND_MS)
    expect(old?.alive).toBe(false)
  })

  test('spares the other sessions: none is served by a child that holds the same token', async () => {
    const { session: first } = await world.open()
    const { session: second } = await world.open()
    const [, others] = world.spawner.children
    await world.call(first, tool('fail', { text: DEAD }))
    world.access.refuseOld()
    world.access.renew()
    asked[0]?.resolve(true)
    expect((await world.call(second, tool('echo'))).result).toBeDefined()
    expect(others?.methods()).toEqual(['initialize'])
  })

  test('because of other trouble goes on with the same child, and does not ask at once again', async () => {
    const { session } = await world.open()
    await world.call(session, tool('fail', { text: DEAD }))
    asked[0]?.resolve(false)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
    await world.call(session, tool('fail', { text: DEAD }))
    expect(asked).toHaveLength(1)
    await world.clock.advance(5 * SECOND_MS)
    await world.call(session, tool('fail', { text: DEAD }))
    expect(asked).toHaveLength(2)
    expect(world.spawner.children).toHaveLength(1)
  })

  test('holds nobody up for long when Forgejo does not answer', async () => {
    const { session } = await world.open()
    await world.call(session, tool('fail', { text: DEAD }))
    const next = world.call(session, tool('echo'))
    await world.clock.advance(10 * SECOND_MS)
    expect((await next).result).toMatchObject({ pid: world.spawner.last.pid })
  })

  test('is asked about once, however many fail', async () => {
    const { session } = await world.open()
    await Promise.all([1, 2, 3].map(() => world.call(session, tool('fail', { text: DEAD }))))
    expect(asked).toHaveLength(1)
  })

  test('and goes on failing when no successor can be had', async () => {
    const { session } = await world.open()
    await world.call(session, tool('fail', { text: DEAD }))
    world.spawner.behave({ dies: 'Forgejo is away' })
    asked[0]?.resolve(true)
    expect((await world.call(session, tool('echo'))).result).toBeDefined()
  })
})

test('a child that does not start because of a dead token is started once more with the new one', async () => {
  world.spawner.behave({ dies: `connection test failed: ${DEAD}` })
  const opened = world.registry.initialize(world.alice, request('initialize', INITIALIZE), sink())
  await world.clock.settle()
  expect(asked).toHaveLength(1)
  world.spawner.behave({})
  world.access.renew()
  asked[0]?.resolve(true)
  expect((await opened).ok).toBe(true)
  expect(world.spawner.children).toHaveLength(2)
  expect(world.audited('child.start-failed')).toEqual([])
})

describe('what sounds like a dead token', () => {
  test.each([
    'user does not exist [uid: 0, name: ]',
    'token has invalid claims: token is expired\naccess token does not exist [sha: abc]',
    'oauth2 grant not found or revoked',
    'unexpected status 401 Unauthorized',
    'HTTP 401',
  ])('%s', (text) => expect(soundsRejected(text)).toBe(true))

  test.each([
    'user does not exist [uid: 5, name: eve]',
    'token does not have at least one of required scope(s): [write:issue]',
    'This account is prohibited from signing in, please contact your site administrator.',
    'You must change your password. Change it at: https://forge.example/user/settings',
    'GetRepoByName: repository does not exist [id: 1401]',
    'context deadline exceeded',
  ])('not: %s', (text) => expect(soundsRejected(text)).toBe(false))
})
