import { beforeEach, describe, expect, test } from 'bun:test'
import { rpcNotification } from '../../src/mcp/rpc.ts'
import { createHarness, type Harness } from './bridge-harness.ts'

let harness: Harness
let clock: Harness['clock']
let sent: Harness['sent']
let bridge: Harness['bridge']
let call: Harness['call']
let tool: Harness['tool']
let lastSent: Harness['lastSent']
let answer: Harness['answer']

beforeEach(() => {
  harness = createHarness()
  ;({ clock, sent, bridge, call, tool, lastSent, answer } = harness)
})

describe('ids', () => {
  test('callers who all send id 1 each get their own answer, in whatever order it comes', async () => {
    const calls = [tool(), tool(), tool()]
    const ids = sent.map((line) => JSON.parse(line).id)
    expect(new Set(ids).size).toBe(3)
    for (const index of [2, 0, 1]) answer(ids[index], `{"for":${index}}`)
    expect(calls.map((one) => one.answers)).toEqual([
      ['{"jsonrpc":"2.0","id":1,"result":{"for":0}}'],
      ['{"jsonrpc":"2.0","id":1,"result":{"for":1}}'],
      ['{"jsonrpc":"2.0","id":1,"result":{"for":2}}'],
    ])
    expect(bridge.inFlight).toBe(0)
    await clock.advance(300_000)
    expect(clock.pending).toBe(0)
  })

  test.each(['"a\\u0062"', '12345678901234567890', '1e0', '7.0'])(
    '%s comes back as it was sent',
    (id) => {
      const one = tool('{}', id)
      answer(lastSent().id, '{"n":98765432109876543210}')
      expect(one.answers).toEqual([
        `{"jsonrpc":"2.0","id":${id},"result":{"n":98765432109876543210}}`,
      ])
    },
  )

  test('are never used twice on one child', () => {
    for (let i = 0; i < 5; i++) {
      tool()
      answer(lastSent().id)
    }
    expect(new Set(sent.map((line) => JSON.parse(line).id)).size).toBe(5)
  })

  test('an error keeps its code and data', () => {
    const one = tool()
    bridge.receive(
      `{"error":{"code":-32603,"message":"m","data":{"a":1}},"id":${lastSent().id},"jsonrpc":"2.0"}`,
    )
    expect(JSON.parse(one.answers[0] ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32603, message: 'm', data: { a: 1 } },
    })
  })

  test('what answers no open call is dropped and counted', () => {
    const one = tool()
    answer(99)
    bridge.receive('{"jsonrpc":"2.0","id":"1","result":{}}')
    bridge.receive('{"jsonrpc":"2.0","id":1}')
    bridge.receive('banner')
    bridge.receive('7')
    expect(bridge.dropped).toBe(5)
    expect(one.answers).toEqual([])
    answer(lastSent().id)
    answer(lastSent().id)
    expect(one.answers).toHaveLength(1)
    expect(bridge.dropped).toBe(6)
  })

  test('an error without an id ends the only call, and none of several', () => {
    const panic = '{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"panic"}}'
    const first = tool('{}', '"x"')
    bridge.receive(panic)
    expect(first.answers).toEqual([
      '{"jsonrpc":"2.0","id":"x","error":{"code":-32603,"message":"panic"}}',
    ])
    const second = tool()
    bridge.receive('{"jsonrpc":"2.0","error":{"code":-32603,"message":"panic"}}')
    expect(JSON.parse(second.answers[0] ?? '')).toMatchObject({
      id: 1,
      error: { message: 'panic' },
    })
    const several = [tool(), tool()]
    bridge.receive(panic)
    expect(several.flatMap((one) => one.answers)).toEqual([])
  })

  test("a child's batch is taken apart", () => {
    const calls = [tool(), tool()]
    const [a, b] = sent.map((line) => JSON.parse(line).id)
    bridge.receive(
      `[{"jsonrpc":"2.0","id":${a},"result":{"n":1}}, {"jsonrpc":"2.0","id":${b},"result":{"n":2}}]`,
    )
    expect(calls.map((one) => one.answers.length)).toEqual([1, 1])
  })
})

describe('what reaches the child', () => {
  test('a method that MCP does not have is refused here', () => {
    const one = call('tasks/list')
    expect(JSON.parse(one.answers[0] ?? '')).toMatchObject({ id: 1, error: { code: -32601 } })
    bridge.notify(rpcNotification('tools/call', { name: 'delete_file' }))
    bridge.notify(rpcNotification('notifications/made_up'))
    expect(sent).toEqual([])
  })

  test('notifications that MCP has are passed on', () => {
    bridge.notify(rpcNotification('notifications/initialized'))
    bridge.notify(rpcNotification('notifications/roots/list_changed'))
    expect(sent.map((line) => JSON.parse(line).method)).toEqual([
      'notifications/initialized',
      'notifications/roots/list_changed',
    ])
  })

  test('a child that takes nothing more is an error for the call', async () => {
    harness.room = false
    const one = tool()
    expect(JSON.parse(one.answers[0] ?? '')).toMatchObject({
      id: 1,
      error: { code: -32603, data: { reason: 'unavailable' } },
    })
    expect(bridge.inFlight).toBe(0)
    await clock.advance(300_000)
    expect(clock.pending).toBe(0)
  })

  test('only so many calls may be left unanswered', () => {
    for (let i = 0; i < 1024; i++) tool()
    expect(JSON.parse(tool().answers[0] ?? '')).toMatchObject({
      error: { data: { reason: 'unavailable' } },
    })
    expect(sent).toHaveLength(1024)
  })
})

describe('progress', () => {
  const progress = (token: unknown, n: number) =>
    bridge.receive(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(token)},"progress":${n}}}`,
    )

  test("goes to the call it belongs to, under the caller's own token", () => {
    const a = tool('{"_meta":{"progressToken":"same"}}')
    const b = tool('{"_meta":{"progressToken":12345678901234567890}}')
    const [first, second] = sent.map((line) => JSON.parse(line).params._meta.progressToken)
    expect(first).not.toBe(second)
    progress(second, 1)
    progress(first, 2)
    expect(a.said).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"same","progress":2}}',
    ])
    expect(b.said[0]).toContain('"progressToken":12345678901234567890')
  })

  test('that nobody asked for, or that comes after the answer, is dropped', () => {
    tool()
    progress(lastSent().id, 1)
    const asked = tool('{"_meta":{"progressToken":1}}')
    answer(lastSent().id)
    progress(lastSent().id, 1)
    progress('x', 1)
    expect(asked.said).toEqual([])
    expect(bridge.dropped).toBe(3)
  })
})
