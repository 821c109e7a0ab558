import { beforeEach, describe, expect, test } from 'bun:test'
import { rpcRequest } from '../../src/mcp/rpc.ts'
import { createHarness, type Harness } from './bridge-harness.ts'

let harness: Harness
let sent: Harness['sent']
let strays: Harness['strays']
let bridge: Harness['bridge']
let tool: Harness['tool']
let lastSent: Harness['lastSent']
let answer: Harness['answer']
let clientAnswer: Harness['clientAnswer']

beforeEach(() => {
  harness = createHarness()
  ;({ sent, strays, bridge, tool, lastSent, answer, clientAnswer } = harness)
})

describe('what a child says about no call', () => {
  const log =
    '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hi"}}'

  test('goes to the only open call', () => {
    const one = tool()
    bridge.receive(log)
    expect(one.said).toEqual([log])
    expect(strays).toEqual([])
  })

  test('goes to the session when the caller of that call is gone', () => {
    const deaf = { message: () => false, end() {} }
    bridge.call(rpcRequest('ping'), deaf)
    bridge.receive('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    expect(strays.map(({ text }) => JSON.parse(text).method)).toEqual([
      'notifications/tools/list_changed',
    ])
  })

  test('else to the session, with the open calls from the oldest on', () => {
    bridge.receive(log)
    const calls = [tool(), tool()]
    bridge.receive(log)
    expect(strays.map(({ open }) => open.length)).toEqual([0, 2])
    strays[1]?.open[0]?.message('first')
    expect(calls.map((one) => one.said)).toEqual([['first'], []])
  })

  test('secrets are taken out of everything', () => {
    const one = tool()
    bridge.receive(log.replace('hi', 's3cret'))
    answer(lastSent().id, '"s3cret"')
    expect([...one.said, ...one.answers].join()).not.toContain('s3cret')
  })
})

describe('requests of the child', () => {
  const ask = (id: string, method = 'elicitation/create') =>
    bridge.receive(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"message":"?"}}`)

  test('ping is answered here', () => {
    ask('"p"', 'ping')
    expect(sent).toEqual(['{"jsonrpc":"2.0","id":"p","result":{}}'])
    expect(strays).toEqual([])
  })

  test('reach the client under ids of the session and are answered under their own', () => {
    const one = tool()
    ask('1')
    ask('12345678901234567890')
    expect(one.said.map((text) => JSON.parse(text).id)).toEqual([101, 102])
    expect(clientAnswer(102, { result: { action: 'accept' } })).toBe(true)
    expect(sent.at(-1)).toBe(
      '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"action":"accept"}}',
    )
    expect(clientAnswer(101, { error: { code: -1, message: 'no' } })).toBe(true)
    expect(sent.at(-1)).toBe('{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}')
  })

  test('are answered once, and only by their id', () => {
    tool()
    ask('1')
    const before = sent.length
    expect([clientAnswer(1), clientAnswer('101'), clientAnswer(101), clientAnswer(101)]).toEqual([
      false,
      false,
      true,
      false,
    ])
    expect(sent).toHaveLength(before + 1)
  })

  test('that the child takes back are taken back at the client', () => {
    const one = tool()
    ask('7')
    const withdrawal = (id: number) =>
      bridge.receive(
        `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`,
      )
    withdrawal(7)
    withdrawal(7)
    expect(JSON.parse(one.said[1] ?? '')).toMatchObject({ params: { requestId: 101 } })
    expect(one.said).toHaveLength(2)
    expect(clientAnswer(101)).toBe(false)
  })

  test('beyond a bound are refused', () => {
    for (let i = 0; i < 257; i++) ask(String(i))
    expect(strays).toHaveLength(256)
    expect(lastSent()).toMatchObject({ id: 256, error: { code: -32603 } })
  })
})
