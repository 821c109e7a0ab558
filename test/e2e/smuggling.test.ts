import { expect, test } from 'bun:test'
import { eachProgram } from '../fixtures/programs.ts'
import { bearer, send, toolText } from './wire.ts'
import { openWorld } from './world.ts'

/** A tool that a Go child would run and the broker does not see, if any of these came through. */
const EVIL = 'delete_file'
const HARMLESS = 'test_echo'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const call = (params: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${params}}}`
const evilCall = `"params":{"name":"${EVIL}","arguments":{}}`

/** Every other spelling of `name` that Go's encoding/json takes for it, and escapes of them. */
function spellings(name: string): string[] {
  const upper = name.toUpperCase()
  const title = name[0]?.toUpperCase() + name.slice(1)
  const folded = name.replace('s', '\u017f').replace('k', '\u212a')
  const escaped = (text: string) => `\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}`
  return [upper, title, escaped(title) + name.slice(1), ...(folded === name ? [] : [folded])]
}

const REFUSED: (string | Uint8Array)[] = [
  ...[...spellings('name'), 'name'].map((key) => call(`"name":"${HARMLESS}","${key}":"${EVIL}"`)),
  ...[...spellings('name')].map((key) => call(`"${key}":"${EVIL}","name":"${HARMLESS}"`)),
  ...[...spellings('arguments'), 'arguments'].map((key) =>
    call(`"name":"${HARMLESS}","arguments":{},"${key}":{"x":1}`),
  ),
  ...[...spellings('params'), 'params'].map(
    (key) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${HARMLESS}"},"${key}":{"name":"${EVIL}"}}`,
  ),
  ...[...spellings('method'), 'method'].map(
    (key) => `{"jsonrpc":"2.0","id":1,"method":"ping","${key}":"tools/call",${evilCall}}`,
  ),
  ...[...spellings('id'), 'id'].map(
    (key) => `{"jsonrpc":"2.0","id":1,"${key}":77,"method":"ping"}`,
  ),
  ...spellings('jsonrpc').map((key) => `{"jsonrpc":"2.0","${key}":"2.0","id":1,"method":"ping"}`),
  ...spellings('uri').map(
    (key) =>
      `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"forgejo://a","${key}":"forgejo://b"}}`,
  ),
  ...spellings('progressToken').map((key) =>
    call(`"name":"${HARMLESS}","_meta":{"progressToken":1,"${key}":2}`),
  ),
  ...spellings('_meta').map((key) => call(`"name":"${HARMLESS}","_meta":{},"${key}":{}`)),
  ...spellings('requestId').map(
    (key) =>
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"${key}":2}}`,
  ),
  // A response, to whoever looks for one; a call, to Go.
  `{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call",${evilCall}}`,
  `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"method":"tools/call",${evilCall}}`,
  `{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call",${evilCall}}`,
  `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}`,
  `{"jsonrpc":"2.0","id":1,"Result":{},"method":"ping"}`,
  // Not UTF-8: Go reads a replacement character where we would read something else.
  bytes(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${HARMLESS}\xff"}}`),
  bytes(`{"jsonrpc":"2.0","id":1,"n\xc5me":1,"method":"ping"}`),
  bytes('{"jsonrpc":"2.0","id":1,"method":"ping"}\xed\xa0\x80'),
  // Two messages on one line, or a line break where the child's framing has one.
  `{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"tools/call",${evilCall}}`,
  `{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"tools/call",${evilCall}}`,
]

/** What is fine: the harmless tool is called with just this. */
const PASSED: [arguments: string, echoed: unknown][] = [
  [`{"Name":"${EVIL}","method":"tools/call"}`, { Name: EVIL, method: 'tools/call' }],
  [
    `{"text":"}}\\n{\\"jsonrpc\\":\\"2.0\\",\\"id\\":9,\\"method\\":\\"tools/call\\"}"}`,
    { text: '}}\n{"jsonrpc":"2.0","id":9,"method":"tools/call"}' },
  ],
  ['{"text":"\u2028\u2029\u0085\\u0000"}', { text: '\u2028\u2029\u0085\0' }],
  [' {\r\n\t"a" : [ 1 ,\n2 ] } ', { a: [1, 2] }],
]

eachProgram('messages that a Go child reads otherwise', (program) => {
  test('never reach it; what reaches it is what we read', async () => {
    await using world = await openWorld({ program })
    const alice = await world.login('alice')
    const session = await alice.open()
    const headers = bearer(alice, session.id)
    const codes: Record<string, number | undefined> = {}
    for (const body of REFUSED) {
      const reply = await send(world.mcpUrl, headers, body)
      const text = Buffer.from(body).toString('latin1')
      if (reply.status !== 400) codes[text] = reply.status
      const code = reply.message?.error?.code
      if (code !== -32600 && code !== -32700) codes[text] = code
    }
    expect(codes).toEqual({})

    for (const [args, echoed] of PASSED) {
      const body = call(`"name":"${HARMLESS}","arguments":${args}`)
      const reply = await send(world.mcpUrl, headers, body)
      expect(reply.message?.id).toBe(1)
      expect(JSON.parse(toolText(reply))).toEqual(echoed)
    }
    const ran = JSON.parse(await session.tool('test_record')) as string[]
    expect(ran).toEqual([
      'initialize',
      'notifications/initialized',
      ...PASSED.map(() => `tools/call ${HARMLESS}`),
      'tools/call test_record',
    ])
  })
})
