import { beforeEach, describe, expect, test } from 'bun:test'
import { parseExact } from '../../src/mcp/exact.ts'
import { parseBody } from '../../src/mcp/parse.ts'
import { rpcRequest } from '../../src/mcp/rpc.ts'
import { createHarness, type Harness, listener } from './bridge-harness.ts'

let harness: Harness
let clock: Harness['clock']
let sent: Harness['sent']
let bridge: Harness['bridge']
let call: Harness['call']
let tool: Harness['tool']
let lastSent: Harness['lastSent']
let answer: Harness['answer']
let cancel: Harness['cancel']

beforeEach(() => {
  harness = createHarness()
  ;({ clock, sent, bridge, call, tool, lastSent, answer, cancel } = harness)
})

describe('cancellation', () => {
  test('of the one call with that id reaches the child under its own id', () => {
    const one = tool('{}', '"a"')
    const id = lastSent().id
    cancel('a', 'changed my mind')
    expect(lastSent()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: id, reason: 'changed my mind' },
    })
    expect(JSON.parse(one.answers[0] ?? '')).toMatchObject({
      id: 'a',
      error: { data: { reason: 'cancelled' } },
    })
    answer(id)
    expect(one.answers).toHaveLength(1)
    expect(bridge.dropped).toBe(1)
  })

  test('that matches several calls, none, or only by spelling is ignored', () => {
    const calls = [
      tool('{}', '3'),
      tool('{}', '3'),
      tool('{}', '4'),
      call('initialize', ',"params":{}', '5'),
    ]
    for (const id of [3, 77, '4', null, undefined, {}]) cancel(id)
    expect(sent).toHaveLength(4)
    expect(calls.flatMap((one) => one.answers)).toEqual([])
  })

  test('of ids beyond 2^53 tells them apart', () => {
    const near = tool('{}', '12345678901234567890')
    const other = tool('{}', '12345678901234567891')
    const parsed = parseBody(
      Buffer.from(
        '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345678901234567891}}',
      ),
    )
    const message = parsed.ok ? parsed.value.messages[0] : undefined
    if (message?.kind === 'notification') bridge.notify(message)
    expect([near.answers.length, other.answers.length]).toEqual([0, 1])
  })

  test('is told how many calls an id names, rounded or not', () => {
    tool('{}', '12345678901234567890')
    tool('{}', '12345678901234567891')
    tool()
    const named = (text: string) => bridge.named((parseExact(`[${text}]`) as unknown[])[0])
    expect(named('12345678901234567890')).toBe(1)
    expect([named('1'), named('1e0'), named('"1"'), named('2')]).toEqual([1, 1, 0, 0])
    tool()
    expect(named('1')).toBe(2)
  })

  test('by the exchange works once and not after the answer', () => {
    const one = tool()
    one.cancel('gone')
    one.cancel('gone')
    const done = tool()
    answer(lastSent().id)
    done.cancel('gone')
    expect(sent.filter((line) => line.includes('notifications/cancelled'))).toHaveLength(1)
    expect(done.answers).toHaveLength(1)
  })
})

describe('deadlines', () => {
  test('end the call, tell the child, and count it as stuck until the child answers after all', async () => {
    const one = tool()
    const { id } = lastSent()
    await clock.advance(299_999)
    expect(one.answers).toEqual([])
    await clock.advance(1)
    expect(JSON.parse(one.answers[0] ?? '')).toMatchObject({
      id: 1,
      error: { code: -32603, data: { reason: 'timeout' } },
    })
    expect(lastSent()).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: id },
    })
    expect([bridge.inFlight, bridge.stuck]).toEqual([0, 1])
    answer(id)
    expect(bridge.stuck).toBe(0)
    expect(one.answers).toHaveLength(1)
  })

  test('a call that its caller gave up on is stuck too once its deadline passes', async () => {
    tool()
    cancel(1)
    expect([bridge.inFlight, bridge.stuck]).toEqual([0, 0])
    await clock.advance(300_000)
    expect(bridge.stuck).toBe(1)
    expect(sent).toHaveLength(2)
  })

  test('rest while the child waits for the client, and begin anew after that', async () => {
    const heard = listener()
    const open = bridge.call(rpcRequest('tools/call', { name: 'x' }), heard)
    await clock.advance(299_000)
    open.pause()
    await clock.advance(3_600_000)
    open.resume()
    await clock.advance(299_999)
    expect(heard.answers).toEqual([])
    await clock.advance(1)
    expect(heard.answers).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  test('are nothing to a call that is forgotten: its child owes no answer', async () => {
    const heard = listener()
    const open = bridge.call(rpcRequest('tools/call', { name: 'x' }), heard)
    open.forget('gone')
    expect(lastSent()).toMatchObject({ method: 'notifications/cancelled' })
    expect(heard.answers).toHaveLength(1)
    await clock.advance(300_000)
    expect([bridge.inFlight, bridge.stuck, clock.pending]).toEqual([0, 0, 0])
  })

  test('of initialize send no cancellation', async () => {
    const one = call('initialize', ',"params":{}')
    await clock.advance(300_000)
    expect(one.answers).toHaveLength(1)
    expect(sent).toHaveLength(1)
  })
})

describe('when the child fails', () => {
  test('every open call ends with the reason, and nothing is left behind', () => {
    const calls = [tool('{}', '"a"'), tool('{}', '"b"')]
    tool()
    cancel(1)
    bridge.fail('child-died', 'The child process ended')
    expect(calls.map((one) => JSON.parse(one.answers[0] ?? ''))).toEqual(
      ['a', 'b'].map((id) => ({
        jsonrpc: '2.0',
        id,
        error: { code: -32603, message: 'The child process ended', data: { reason: 'child-died' } },
      })),
    )
    expect([bridge.inFlight, bridge.stuck, clock.pending]).toEqual([0, 0, 0])
  })

  test('what it asked needs no answer any more', () => {
    const one = tool()
    bridge.receive('{"jsonrpc":"2.0","id":1,"method":"roots/list"}')
    const { id } = JSON.parse(one.said[0] ?? '')
    bridge.fail('child-died', 'The child process ended')
    expect(harness.clientAnswer(id)).toBe(false)
    expect(JSON.parse(one.said[1] ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: id, reason: 'The child process ended' },
    })
  })
})
