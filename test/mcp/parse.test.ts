import { describe, expect, test } from 'bun:test'
import { parseBody } from '../../src/mcp/parse.ts'

const parse = (text: string | Uint8Array) =>
  parseBody(typeof text === 'string' ? Buffer.from(text) : text)

const refusal = (text: string | Uint8Array) => {
  const parsed = parse(text)
  return parsed.ok ? 'accepted' : [parsed.error.code, parsed.error.idText]
}

const only = (text: string) => {
  const parsed = parse(text)
  return parsed.ok ? parsed.value.messages[0] : undefined
}

describe('what is a message', () => {
  test('a request, a notification and both kinds of response are told apart', () => {
    const bodies = [
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '{"jsonrpc":"2.0","id":"a","result":{}}',
      '{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"no","data":[1]}}',
    ]
    expect(bodies.map(only)).toEqual([
      { kind: 'request', id: 1, idText: '1', method: 'ping' },
      { kind: 'notification', method: 'notifications/initialized' },
      { kind: 'response', id: 'a', idText: '"a"', result: {} },
      { kind: 'response', id: 2, idText: '2', error: { code: -1, message: 'no', data: [1] } },
    ])
  })

  test.each([
    '{"id":1,"method":"ping"}',
    '{"jsonrpc":"2.1","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":12345678901234567890}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":7}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":1.5}}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","error":null}',
  ])('%s is -32600 with its id', (text) => {
    expect(refusal(text)).toEqual([-32600, '1'])
  })

  test.each([
    'null',
    '7',
    '"ping"',
    '{}',
    '[]',
    '[[]]',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
    '{"jsonrpc":"2.0","id":true,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}',
  ])('%s is -32600 without an id', (text) => {
    expect(refusal(text)).toEqual([-32600, undefined])
  })

  test.each([
    '',
    ' ',
    '{',
    '{"a":01}',
    "{'a':1}",
    '{}{}',
    '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}',
  ])('%j is -32700', (text) => {
    expect(refusal(text)).toEqual([-32700, undefined])
  })

  test.each(['80', 'c0af', 'eda080', 'e282', 'f5808080'])(
    'the malformed UTF-8 %s is -32700',
    (hex) => {
      const head = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"')
      const body = Buffer.concat([head, Buffer.from(hex, 'hex'), Buffer.from('"}}')])
      expect(refusal(body)).toEqual([-32700, undefined])
    },
  )

  test('nesting without end is refused and does not overflow the stack', () => {
    const deep = (levels: number) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":${'['.repeat(levels)}${']'.repeat(levels)}}}`
    expect(parse(deep(100)).ok).toBe(true)
    expect(refusal(deep(1_000_000))).toEqual([-32700, undefined])
    expect(refusal('['.repeat(1_000_000))).toEqual([-32700, undefined])
  })

  test('millions of values are refused before they cost anything', () => {
    expect(
      refusal(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":[${'1e5,'.repeat(1e6)}1]}}`),
    ).toEqual([-32700, undefined])
  })
})

describe('what another reader would understand otherwise', () => {
  const call = (members: string) => `{"jsonrpc":"2.0","id":77,"method":"tools/call",${members}}`

  test.each([
    call('"params":{"name":"list_my_repos","Name":"delete_file"}'),
    call('"params":{"name":"list_my_repos","name":"delete_file"}'),
    call('"params":{"name":"list_my_repos","n\\u0061me":"delete_file"}'),
    call('"params":{"n\\u0041me":"delete_file"}'),
    call('"params":{"argument\u017f":{}}'),
    call('"params":{"to\u212aen":1,"_meta":{"progressTo\u212aen":1}}'),
    call('"params":{"_Meta":{}}'),
    call('"params":{"_meta":{"progresstoken":1}}'),
    call('"params":{"_meta":{"progressToken":1,"progressToken":2}}'),
    call('"params":{"_meta":{"IO.modelcontextprotocol/protocolVersion":"2026-07-28"}}'),
    call('"params":{},"param\u017f":{"name":"delete_file"}'),
    call('"params":{},"Params":{}'),
    call('"params":{},"METHOD":"x"'),
    call('"ID":78'),
    call('"x":1,"x":1'),
  ])('%s is -32600 with its id', (text) => {
    expect(refusal(text)).toEqual([-32600, '77'])
  })

  test('a second id, in any spelling, leaves no id to echo', () => {
    expect(refusal('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}')).toEqual([-32600, undefined])
    expect(refusal('{"jsonrpc":"2.0","ID":1,"method":"ping"}')).toEqual([-32600, undefined])
  })

  test('an escaped key alone is the key it stands for', () => {
    const message = only(call('"p\\u0061rams":{"n\\u0061me":"x"}'))
    expect(message).toMatchObject({ params: { name: 'x' } })
  })

  test("the tool's own arguments may have keys in any case, and twice", () => {
    expect(parse(call('"params":{"name":"t","arguments":{"Name":1,"name":2,"name":3}}')).ok).toBe(
      true,
    )
  })

  test('thousands of members are refused', () => {
    const many = Array.from({ length: 2000 }, (_, i) => `"k${i}":0`).join(',')
    expect(refusal(call(`"params":{${many}}`))).toEqual([-32600, '77'])
  })
})

describe('ids and numbers', () => {
  test.each(['0', '-7', '1e0', '7.0', '12345678901234567890', '"a\\u0062\\n"', '"\u00e9"', '""'])(
    'the id %s is echoed as it was written',
    (source) => {
      const message = only(`{"jsonrpc":"2.0", "id" : ${source} ,"method":"ping"}`)
      expect(message).toMatchObject({ kind: 'request', idText: source })
    },
  )

  test('numbers that JavaScript would round stay as they were written', () => {
    const args = '{"big":12345678901234567890,"far":1e400,"near":[0.1,9007199254740993],"s":"1e5"}'
    const message = only(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":${args}}}`,
    )
    if (message?.kind !== 'request') throw new Error('no request')
    expect(JSON.stringify(message.params?.arguments)).toBe(args)
  })

  test('a lone surrogate in a name becomes what a child would make of it', () => {
    const message = only(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\\ud800","arguments":{}}}',
    )
    expect(message).toMatchObject({ params: { name: 'a\ufffd' } })
  })
})

describe('batches', () => {
  const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`

  test('hold their messages in order', () => {
    const parsed = parse(` [ ${ping(1)} , ${ping(2)} ] `)
    if (!parsed.ok) throw new Error('refused')
    expect(parsed.value.batch).toBe(true)
    expect(parsed.value.messages.map((m) => m.kind === 'request' && m.idText)).toEqual(['1', '2'])
  })

  test('are refused as a whole for one bad message, and when they are too long', () => {
    expect(refusal(`[${ping(1)},{"jsonrpc":"2.0","id":2,"method":"ping","Method":"x"}]`)).toEqual([
      -32600,
      '2',
    ])
    expect(refusal(`[${Array.from({ length: 65 }, (_, i) => ping(i)).join()}]`)).toEqual([
      -32600,
      undefined,
    ])
  })
})
