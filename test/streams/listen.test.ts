import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { until } from '../fixtures/until.ts'
import { type Answer, messagesOf, openPlace, type Peer, type Place } from './place.ts'

let place: Place
let peer: Peer

beforeEach(async () => {
  place = openPlace()
  peer = await place.connect()
})
afterEach(() => place[Symbol.asyncDispose]())

const log = (data: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data },
})
const child = () => place.world.spawner.last
/** The client goes away, and the server has noticed. */
async function leave(answer: Answer) {
  const before = place.pending
  answer.leave()
  await until('noticed', () => place.pending < before)
}
const said = async (
  answer: { events(count: number): Promise<{ data: string }[]> },
  count: number,
) => messagesOf((await answer.events(count)) as never).map(({ params }) => params.data)

describe('GET', () => {
  test('opens a stream for what belongs to no call, for proxies to pass on at once', async () => {
    const stream = await peer.listen()
    expect(stream.status).toBe(200)
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(stream.headers.has('mcp-session-id')).toBe(false)
    child().say(log('hello'))
    expect(await stream.events(2)).toEqual([
      { id: '1-1', retry: '1000', data: '' },
      { id: '1-2', event: 'message', data: JSON.stringify(log('hello')) },
    ])
  })

  test('primes clients of older revisions without an empty message', async () => {
    const old = await place.connect('alice', '2025-06-18')
    const stream = await old.listen()
    await until('primed', () => stream.body.text !== '')
    expect(stream.body.text).toBe('id: 1-1\nretry: 1000\n\n')
  })

  test('may be asked for more than once: the newest stream is told, none is closed', async () => {
    const [first, second] = [await peer.listen(), await peer.listen()]
    child().say(log('a'))
    expect(await said(second, 2)).toEqual(['a'])
    await leave(second)
    child().say(log('b'))
    expect(await said(first, 2)).toEqual(['b'])
    expect(first.body.state).toBe('open')
  })

  test('that nobody has asked for leaves what belongs to no call to the oldest call, whose caller is there', async () => {
    const held: Promise<Answer>[] = []
    for (const id of [1, 2, 3]) {
      held.push(peer.call('hold', {}, { id }))
      await until('held', () => child().owed === id)
    }
    child().say(log('a'))
    const [first, second, third] = held
    const stream = await first
    expect(await said(stream as Answer, 2)).toEqual(['a'])
    child().release()
    for (const call of [second, third])
      expect((await call)?.headers.get('content-type')).toBe('application/json')
    expect(messagesOf((await stream?.events(3)) ?? [])).toMatchObject([
      { params: { data: 'a' } },
      { id: 1 },
    ])
  })

  test('is kept alive, closed after an hour, and gone on with', async () => {
    const stream = await peer.listen()
    await place.world.clock.advance(15 * SECOND_MS)
    await until('kept alive', () => stream.body.text.includes(': keep-alive\n\n'))
    await place.world.clock.advance(HOUR_MS)
    expect(await stream.text()).not.toContain('1-2')
    child().say(log('meanwhile'))
    const again = await peer.listen('1-1')
    expect(await said(again, 2)).toEqual(['meanwhile'])
  })

  test('is no activity: the child sleeps under it, and the next one is heard on it', async () => {
    const stream = await peer.listen()
    await place.world.clock.advance(15 * MINUTE_MS)
    place.world.registry.reap(place.world.clock.now())
    await until('asleep', () => place.world.spawner.alive.length === 0)
    expect(stream.body.state).toBe('open')
    await (await peer.call('echo')).text()
    expect(place.world.spawner.alive).toHaveLength(1)
    child().say(log('from the next child'))
    expect(await said(stream, 2)).toEqual(['from the next child'])
  })

  test('keeps its session in memory, and no longer than its client stays', async () => {
    const { clock, registry } = place.world
    const stream = await peer.listen()
    const pass = async () => {
      await clock.advance(20 * MINUTE_MS)
      registry.reap(clock.now())
    }
    await pass()
    await pass()
    expect(registry.count().sessions).toBe(1)
    await leave(stream)
    await pass()
    await pass()
    expect(registry.count().sessions).toBe(0)
  })

  test('of another session, user or client finds nothing', async () => {
    await peer.listen()
    const phone = await place.connect('phone')
    expect((await phone.listen('1-1')).status).toBe(204)
    for (const user of ['bob', 'phone'] as const)
      expect((await place.peer(user, peer.sessionId).listen('1-1')).status).toBe(404)
  })

  test.each(['9-1', 'x', '1'])('with a Last-Event-ID of %p has nothing to tell', async (id) => {
    const answer = await peer.listen(id)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(answer.headers.has('mcp-session-id')).toBe(false)
  })
})

describe('the streams of a session', () => {
  test('end with it', async () => {
    const stream = await peer.listen()
    const call = peer.call('hang')
    await until('called', () => child().owed === 1)
    expect((await peer.end()).status).toBe(204)
    await stream.text()
    expect(stream.body.state).toBe('closed')
    expect(await (await call).text()).toContain('"reason":"stopped"')
    expect((await peer.listen('1-1')).status).toBe(404)
    expect(place.world.store.exchanges.get(sessionHash(), 1)).toBeUndefined()
  })

  test('end with the login that opened them, and no other stream does', async () => {
    const other = place.peer('second', peer.sessionId)
    const [mine, theirs] = [await peer.listen(), await other.listen()]
    place.world.registry.endFamily(place.world.second.familyId, 'revoked')
    await until('cut', () => theirs.body.state === 'broken')
    child().say(log('still here'))
    expect(await said(mine, 2)).toEqual(['still here'])
  })

  test('survive a restart of the broker', async () => {
    const stream = await peer.listen()
    child().say(log('before'))
    expect(await said(stream, 2)).toEqual(['before'])
    await place.world.registry.stopAll(0)
    await stream.text()
    expect(stream.body.state).toBe('closed')
    place.world.restart()
    const again = await peer.listen('1-2')
    expect(again.status).toBe(200)
    await (await peer.call('echo')).text()
    child().say(log('after'))
    const events = await again.events(2)
    expect(events[0]).toMatchObject({ id: '1-2', data: '' })
    expect(messagesOf(events)).toEqual([log('after')])
    const fresh = await peer.listen()
    const [{ id = '' } = {}] = await fresh.events(1)
    expect(Number(id.split('-')[0])).toBeGreaterThan(1)
  })

  test('a call that a crash cut off is answered by an error of its own when its client comes back', async () => {
    const call = await startStream('"seven"')
    // What a killed broker leaves: its rows, and nothing else.
    place.world.restart()
    const again = await peer.listen('1-1')
    const [, event] = await again.events(2)
    expect(JSON.parse(event?.data ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 'seven',
      error: expect.objectContaining({ code: -32603, data: { reason: 'answer-lost' } }),
    })
    await again.text()
    expect((await peer.listen(event?.id)).status).toBe(204)
    call.leave()
  })

  test('a result beyond 2^53 as id comes back as it was sent on a stream too', async () => {
    const call = await startStream('12345678901234567890')
    child().release()
    expect(await call.text()).toContain('"id":12345678901234567890')
  })

  const sessionHash = () =>
    place.world.store.sessions.list({ limit: 1, ended: true })[0]?.idHash as never

  /** A call whose answer is a stream already, under an id given as JSON. */
  async function startStream(id: string) {
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"hold"}}`
    const call = peer.post(body)
    await until('called', () => child().owed === 1)
    await place.world.clock.advance(5 * SECOND_MS)
    return await call
  }
})
