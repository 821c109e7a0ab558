import { beforeEach, describe, expect, test } from 'bun:test'
import { createHarness, type Harness } from './bridge-harness.ts'

const LONG = 'long '.repeat(100)

let harness: Harness
let bridge: Harness['bridge']
let tool: Harness['tool']

beforeEach(() => {
  harness = createHarness()
  ;({ bridge, tool } = harness)
})

/** Two calls; those of them fail, by the child's ids, that get an error when it says a line that begins with `head`. */
function failing(head: string): number[] {
  const calls = [tool('{}', '"a"'), tool('{}', '"b"')]
  bridge.oversize(head)
  const failed = calls.flatMap(({ answers }, index) => (answers.length > 0 ? [index + 1] : []))
  for (const [index, { answers }] of calls.entries()) {
    harness.answer(index + 1)
    expect(answers).toHaveLength(1)
  }
  return failed
}

describe('a line over the cap', () => {
  test('that begins as an answer does fails the call that it answers', () => {
    const [one, other] = [tool('{}', '"a"'), tool('{}', '"b"')]
    bridge.oversize(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"text":"${LONG}`)
    expect(one.answers.map((text) => JSON.parse(text))).toEqual([
      {
        jsonrpc: '2.0',
        id: 'a',
        error: {
          code: -32603,
          message: 'the child answered with a line over the cap',
          data: { reason: 'line-too-long' },
        },
      },
    ])
    harness.answer(2, '{"ok":true}')
    expect(other.answers).toEqual(['{"jsonrpc":"2.0","id":"b","result":{"ok":true}}'])
    expect([bridge.inFlight, bridge.stuck, bridge.dropped]).toEqual([0, 0, 0])
  })

  test.each([
    `{"id":2,"result":{"a":"…`,
    `{"id":2,"error":{"message":"…`,
    `{"id":2,"result":[{"id":1},"id\\":1","…`,
    `\t{ "x" : {"id":1} , "\\u0069d" : 2 , "re\\u0073ult" : "…`,
    `{"id":2,"result":{},"extra":"…`,
    `{"id":1,"id":2,"result":{"a":"…`,
  ])('may say in many ways whose answer it is: %s', (head) => {
    expect(failing(head.replace('…', LONG))).toEqual([2])
  })

  test.each([
    '',
    'Welcome! …',
    `[{"id":2,"result":{"a":"…`,
    `{"result":{"a":"…`,
    `{"result":{},"id":2`,
    `{"id":2`,
    `{"id":2,`,
    `{"id":2,"result`,
    `{"id":2,"result"`,
    `{"id":2,"resultx`,
    `{"id":2,"\\u00`,
    `{"id":2,"re\\qsult":{},"result":"…`,
    `{"id":2,"meta":{"result":1,"a":"…`,
    `{"id":2 "result":{"a":"…`,
    `{"id":2,"result" {"a":"…`,
    `{"id":2,"result":{}} {"id":1,"result":"…`,
    `{"id":"2","result":{"a":"…`,
    `{"id":null,"error":{"message":"…`,
    `{"id":1.5,"result":{"a":"…`,
    `{"id":0,"result":{"a":"…`,
    `{"id":3,"result":{"a":"…`,
    `{"id":2,"id":"x","result":{"a":"…`,
    `{"id":2,"method":"ping","result":{"a":"…`,
    `{"id":2,"method":"roots/list","params":{"a":"…`,
    `{"method":"sampling/createMessage","params":{"a":"…`,
    `{"method":"notifications/message","id":2,"params":{"a":"…`,
    `{"params":{"a":"…`,
    `{"method":"notifications/mess`,
  ])('that does not say whom it concerns fails every call: %s', (head) => {
    expect(failing(head.replace('…', LONG))).toEqual([1, 2])
  })

  test('that is a notification fails none', () => {
    expect(
      failing(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${LONG}`),
    ).toEqual([])
    expect(bridge.dropped).toBe(1)
  })

  test('that answers a call which is over fails none', () => {
    const open = tool('{}', '"open"')
    tool('{}', '"answered"')
    harness.answer(2)
    bridge.oversize(`{"id":2,"result":{"a":"${LONG}`)
    expect(open.answers).toEqual([])
    expect(bridge.dropped).toBe(1)
  })

  test('that answers a call which was given up fails none, and the child is hung no longer', async () => {
    tool('{}', '"late"')
    await harness.clock.advance(300_000)
    expect(bridge.stuck).toBe(1)
    const open = tool('{}', '"open"')
    bridge.oversize(`{"id":1,"result":{"a":"${LONG}`)
    expect(open.answers).toEqual([])
    expect([bridge.inFlight, bridge.stuck]).toEqual([1, 0])
  })

  test('leaves what the child asked to be answered', () => {
    const one = tool()
    bridge.receive('{"jsonrpc":"2.0","id":"q","method":"roots/list"}')
    const { id } = JSON.parse(one.said[0] ?? '')
    bridge.oversize(LONG)
    expect(one.answers).toHaveLength(1)
    expect(harness.clientAnswer(id)).toBe(true)
    expect(harness.lastSent()).toMatchObject({ id: 'q', result: {} })
  })

  test('that tells nothing leaves the child with what it may still work on: late answers are dropped', () => {
    const calls = [tool('{}', '"a"'), tool('{}', '"b"')]
    bridge.oversize(LONG)
    expect([bridge.inFlight, bridge.owed]).toEqual([0, 2])
    harness.answer(1)
    harness.answer(2)
    expect([bridge.owed, bridge.dropped]).toEqual([0, 2])
    expect(calls.map(({ answers }) => answers.length)).toEqual([1, 1])
  })

  test('leaves a bridge that goes on', () => {
    tool()
    bridge.oversize(LONG)
    const next = tool('{}', '"next"')
    harness.answer(harness.lastSent().id)
    expect(next.answers).toEqual(['{"jsonrpc":"2.0","id":"next","result":{}}'])
  })
})
