import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { until } from '../fixtures/until.ts'
import { message, messagesOf, openPlace, type Peer, type Place } from './place.ts'

let place: Place
let peer: Peer

beforeAll(async () => {
  place = openPlace({ real: true })
  peer = await place.connect()
})
afterAll(() => place[Symbol.asyncDispose]())

const textOf = (reply: { result?: { content?: { text: string }[] } }) =>
  reply.result?.content?.[0]?.text

describe('while a call runs', () => {
  test('its progress comes on its own stream, under its own token', async () => {
    const calls = await Promise.all(
      ['a', 'b'].map((progressToken) =>
        peer.call('test_progress', { steps: 3 }, { id: 1, _meta: { progressToken } }),
      ),
    )
    for (const [index, token] of ['a', 'b'].entries()) {
      await calls[index]?.text()
      const said = messagesOf((await calls[index]?.events(5)) ?? [])
      expect(said.slice(0, 3).map(({ params }) => params)).toEqual(
        [1, 2, 3].map((progress) => ({ progressToken: token, progress, total: 3 })),
      )
      expect(said[3]).toMatchObject({ id: 1, result: {} })
    }
  })

  test.each([
    [
      'elicitation/create',
      { message: 'Your name?', requestedSchema: { type: 'object', properties: {} } },
    ],
    ['sampling/createMessage', { messages: [], maxTokens: 1 }],
    ['roots/list', {}],
  ])('the child may ask for %s and gets the answer of the client', async (method, params) => {
    const call = await peer.call('test_ask', { method, params })
    const [, question] = await call.events(2)
    const asked = JSON.parse(question?.data ?? '')
    expect(asked).toMatchObject({ method, params })
    const taken = await peer.reply(asked.id, {
      said: 'äöü 🦊',
      n: 12345678901234567890n.toString(),
    })
    expect([taken.status, await taken.text()]).toEqual([202, ''])
    await call.text()
    const answer = messagesOf(await call.events(3)).at(-1)
    expect(textOf(answer)).toContain('äöü 🦊')
    // The same answer once more finds nobody waiting.
    expect((await peer.reply(asked.id, {})).status).toBe(202)
  })

  test('what the child says of its own accord comes on the stream of the only call', async () => {
    const listening = await peer.listen()
    const call = await peer.call('test_notify', { method: 'notifications/tools/list_changed' })
    await call.text()
    expect(messagesOf(await call.events(3)).map(({ method }) => method)).toEqual([
      'notifications/tools/list_changed',
      undefined,
    ])
    expect(await listening.events(1)).toHaveLength(1)
    listening.leave()
  })

  test('and of several, it comes on the stream that listens', async () => {
    const listening = await peer.listen()
    const slow = peer.call('test_slow', { ms: 300 })
    await until('called', () => place.inFlight(peer) === 1)
    const notice = await peer.call('test_notify', {})
    expect(messagesOf(await listening.events(2))).toMatchObject([
      { method: 'notifications/message' },
    ])
    expect(notice.headers.get('content-type')).toBe('application/json')
    expect((await slow).headers.get('content-type')).toBe('application/json')
    listening.leave()
  })

  test('a client whose connection broke comes back to what it missed', async () => {
    const call = await peer.call(
      'test_progress',
      { steps: 10, ms: 40 },
      { _meta: { progressToken: 'p' } },
    )
    const seen = (await call.events(3))[2]?.id ?? ''
    call.leave()
    const again = await peer.listen(seen)
    await again.text()
    const said = messagesOf(await again.events(9))
    const steps = said.flatMap(({ params }) => (params ? [params.progress] : []))
    expect(steps).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    expect(textOf(said.at(-1))).toBe('done')
    const last = (await again.events(9)).at(-1)?.id
    expect((await peer.listen(last)).status).toBe(204)
  })

  test('one that comes back twice at once is served twice, and nothing is taken from either', async () => {
    const call = await peer.call(
      'test_progress',
      { steps: 10, ms: 40 },
      { _meta: { progressToken: 'p' } },
    )
    const first = (await call.events(1))[0]?.id ?? ''
    call.leave()
    const both = await Promise.all([peer.listen(first), peer.listen(first)])
    for (const again of both) {
      await again.text()
      expect(again.body.state).toBe('closed')
      const said = messagesOf(await again.events(12))
      expect(said.slice(0, 10).map(({ params }) => params.progress)).toEqual([
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
      ])
      expect(textOf(said[10])).toBe('done')
    }
  })
})

describe('a cancellation', () => {
  const cancel = (requestId: unknown) => peer.notify('notifications/cancelled', { requestId })

  test('ends the one call that has the id, beyond 2^53 too', async () => {
    const call = (id: string) =>
      peer.post(
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"test_cancellable","arguments":{"ms":300}}}`,
      )
    const [one, other] = [call('12345678901234567890'), call('12345678901234567891')]
    await until('called', () => place.inFlight(peer) === 2)
    const body =
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345678901234567890}}'
    expect((await peer.post(body)).status).toBe(202)
    expect(await (await one).text()).toMatch(/"id":12345678901234567890,.*"reason":"cancelled"/)
    expect(await (await other).text()).toContain('"id":12345678901234567891,')
    expect(await (await other).text()).toContain('done')
  })

  test('that names several calls ends none of them', async () => {
    const calls = [1, 2].map(() => peer.call('test_cancellable', { ms: 200 }, { id: 1 }))
    await until('called', () => place.inFlight(peer) === 2)
    expect((await cancel(1)).status).toBe(202)
    for (const call of calls) expect(await (await call).text()).toContain('done')
  })
})

describe('a batch', () => {
  test('of the revision that has them is answered by an array', async () => {
    const old = await place.connect('alice', '2025-03-26')
    const echo = (id: number) => message('tools/call', { name: 'test_echo', arguments: { id } }, id)
    const answer = await old.post(
      `[${echo(1)},${message('notifications/roots/list_changed')},${echo(2)}]`,
    )
    expect(answer.headers.get('content-type')).toBe('application/json')
    const replies = JSON.parse(await answer.text()) as { id: number; result: never }[]
    const byId = new Map(replies.map((reply) => [reply.id, textOf(reply)]))
    expect([byId.get(1), byId.get(2)]).toEqual(['{"id":1}', '{"id":2}'])
    const quiet = await old.post(`[${message('notifications/roots/list_changed')}]`)
    expect([quiet.status, await quiet.text()]).toEqual([202, ''])
  })

  test('becomes one stream when there is more to say, with the answer of each', async () => {
    const old = await place.connect('alice', '2025-03-26')
    const call = (id: number, progressToken: string) =>
      message(
        'tools/call',
        { name: 'test_progress', arguments: { steps: 2 }, _meta: { progressToken } },
        id,
      )
    const answer = await old.post(`[${call(1, 'a')},${call(2, 'b')}]`)
    await answer.text()
    const said = messagesOf(await answer.events(6))
    expect(said.flatMap(({ id }) => (id === undefined ? [] : [id])).sort()).toEqual([1, 2])
    expect(said.filter(({ params }) => params?.progressToken === 'b')).toHaveLength(2)
  })

  test('is refused by later revisions', async () => {
    expect((await peer.post(`[${message('ping', {}, 1)}]`)).status).toBe(400)
  })
})

test('after all of this one child has served all of it', async () => {
  await until('quiet', () => place.pending === 0)
  expect(place.world.store.children.list()).toHaveLength(3)
})
