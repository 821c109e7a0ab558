import { describe, expect, test } from 'bun:test'
import { parseBody } from '../../src/mcp/parse.ts'
import { rebuildNotification, rebuildRequest, rebuildResponse } from '../../src/mcp/rebuild.ts'

function one(text: string) {
  const parsed = parseBody(Buffer.from(text))
  const message = parsed.ok ? parsed.value.messages[0] : undefined
  if (message === undefined) throw new Error(JSON.stringify(parsed))
  return message
}

const request = (text: string, progressToken?: number) => {
  const message = one(text)
  if (message.kind !== 'request') throw new Error(message.kind)
  return rebuildRequest(message, 5, undefined, progressToken)
}

describe('a rebuilt message', () => {
  test('has the members of its method and no other', () => {
    const line = request(
      '{"jsonrpc":"2.0","id":"x","method":"tools/call","extra":1,"params":{"name":"t","uri":"u","task":{},"arguments":{"a":[1]}}}',
    )
    expect(line).toBe(
      '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"t","arguments":{"a":[1]}}}',
    )
  })

  test('keeps absent params absent and empty params empty', () => {
    expect(request('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).toBe(
      '{"jsonrpc":"2.0","id":5,"method":"tools/list"}',
    )
    expect(request('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":1}}')).toBe(
      '{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{}}',
    )
  })

  test("keeps the peers' own _meta, and a progress token only as the bridge's", () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":"p","v/k":{"__proto__":1}}}}'
    expect(request(text)).toContain('"params":{"_meta":{"v/k":{"__proto__":1}}}')
    expect(request(text, 5)).toContain('"progressToken":5')
  })

  test('is one line, whatever its strings hold, and keeps large numbers', () => {
    const line = request(
      '{"jsonrpc":"2.0",\n"id":1,"method":"tools/call","params":{\n"arguments":{"n":9007199254740993,"s":"a\\nb"}}}',
    )
    expect(line).toContain('{"n":9007199254740993,"s":"a\\nb"}')
    expect(line).not.toContain('\n')
  })

  test('of a notification drops what a cancellation does not have', () => {
    const message = one(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1,"name":"x"}}',
    )
    if (message.kind !== 'notification') throw new Error(message.kind)
    expect(rebuildNotification(message)).toBe(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1}}',
    )
  })

  test("of a response has the child's id and either outcome", () => {
    const answer = (text: string) => {
      const message = one(text)
      if (message.kind !== 'response') throw new Error(message.kind)
      return rebuildResponse(message, '12345678901234567890')
    }
    expect(answer('{"jsonrpc":"2.0","id":1,"params":{},"result":{"a":1}}')).toBe(
      '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"a":1}}',
    )
    expect(answer('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","x":2}}')).toBe(
      '{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":1,"message":"m"}}',
    )
  })
})
