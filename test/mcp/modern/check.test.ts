import { describe, expect, test } from 'bun:test'
import { parseExact } from '../../../src/mcp/exact.ts'
import { checkModern, type ModernHeaders } from '../../../src/mcp/modern/check.ts'
import { decodeHeader } from '../../../src/mcp/modern/header-value.ts'
import {
  headerParams,
  paramMismatch,
  readHeaderParams,
} from '../../../src/mcp/modern/param-headers.ts'
import { rpcRequest } from '../../../src/mcp/rpc.ts'

const PREFIX = 'io.modelcontextprotocol/'
const META = { [`${PREFIX}protocolVersion`]: '2026-07-28', [`${PREFIX}clientCapabilities`]: {} }

interface Given {
  method?: string
  params?: Record<string, unknown>
  meta?: Record<string, unknown>
  headers?: Partial<ModernHeaders>
}

function check({ method = 'tools/list', params = {}, meta = META, headers = {} }: Given = {}) {
  const checked = checkModern(rpcRequest(method, { ...params, _meta: meta }), {
    protocolVersion: '2026-07-28',
    method,
    name: undefined,
    params: new Map(),
    ...headers,
  })
  return checked.ok ? 'ok' : checked.error
}

describe('a stateless request', () => {
  test('that says everything twice passes, and what it can do is read', () => {
    const request = rpcRequest('tools/list', {
      _meta: {
        ...META,
        [`${PREFIX}clientCapabilities`]: { elicitation: {}, sampling: { tools: {} }, tasks: {} },
        [`${PREFIX}logLevel`]: 'warning',
      },
    })
    const headers = {
      protocolVersion: '2026-07-28',
      method: 'tools/list',
      name: undefined,
      params: new Map(),
    }
    expect(checkModern(request, headers)).toMatchObject({
      ok: true,
      value: {
        capabilities: new Set(['elicitation', 'elicitation.form', 'sampling', 'sampling.tools']),
        logLevel: 'warning',
      },
    })
  })

  const wrongVersion = { ...META, [`${PREFIX}protocolVersion`]: 'v999' }

  test.each<[string, Given, number, number]>([
    ['no _meta', { meta: {} }, 400, -32602],
    ['no capabilities', { meta: { [`${PREFIX}protocolVersion`]: '2026-07-28' } }, 400, -32602],
    ['no version', { meta: { [`${PREFIX}clientCapabilities`]: {} } }, 400, -32602],
    ['a log level of its own', { meta: { ...META, [`${PREFIX}logLevel`]: 'loud' } }, 400, -32602],
    ['no version in the header', { headers: { protocolVersion: undefined } }, 400, -32020],
    ['another version in the header', { meta: wrongVersion }, 400, -32020],
    [
      'a version that nobody speaks',
      { meta: wrongVersion, headers: { protocolVersion: 'v999' } },
      400,
      -32022,
    ],
    ['no method in the header', { headers: { method: undefined } }, 400, -32020],
    ['another method in the header', { headers: { method: 'Tools/list' } }, 400, -32020],
    ['no name in the header', { method: 'tools/call', params: { name: 'a' } }, 400, -32020],
    [
      'another name in the header',
      { method: 'tools/call', params: { name: 'a' }, headers: { name: 'b' } },
      400,
      -32020,
    ],
    [
      'a malformed name in the header',
      { method: 'prompts/get', params: { name: 'é' }, headers: { name: '=?base64?w6k?=' } },
      400,
      -32020,
    ],
    ['a method that nobody knows', { method: 'unknown/method' }, 404, -32601],
    ['a method called like a part of objects', { method: 'toString' }, 404, -32601],
    ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'tasks/get'].map(
      (method): [string, Given, number, number] => [
        `the removed method ${method}`,
        { method },
        404,
        -32601,
      ],
    ),
  ])('with %s is refused', (_, given, status, code) => {
    expect(check(given)).toMatchObject({ status, code })
  })

  test('learns which versions are spoken', () => {
    expect(check({ meta: wrongVersion, headers: { protocolVersion: 'v999' } })).toMatchObject({
      data: { supported: ['2026-07-28'], requested: 'v999' },
    })
  })

  test('names what it wants in the header, encoded or not', () => {
    const read = (uri: string, name: string) =>
      check({ method: 'resources/read', params: { uri }, headers: { name } })
    expect(read('file:///a', 'file:///a')).toBe('ok')
    expect(read('file:///é', '=?base64?ZmlsZTovLy/DqQ==?=')).toBe('ok')
    expect(read('=?base64?x', '=?base64?x')).toBe('ok')
  })
})

describe('the value of a header', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['=?base64?SGVsbG8sIOS4lueVjA==?=', 'Hello, 世界'],
    ['=?base64?IHBhZGRlZCA=?=', ' padded '],
    ['=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=', '=?base64?literal?='],
    ['=?base64??=', ''],
    ['SGVsbG8=?=', 'SGVsbG8=?='],
    ['=?base64?SGVsbG8=', '=?base64?SGVsbG8='],
    ['=?BASE64?SGVsbG8=?=', '=?BASE64?SGVsbG8=?='],
  ])('%s stands for %s', (value, meaning) => {
    expect(decodeHeader(value)).toBe(meaning)
  })

  test.each([
    '=?base64?SGVsbG8?=',
    '=?base64?SGVs!!!bG8=?=',
    '=?base64?SGVsbG9=?=',
    '=?base64?_-8=?=',
    '=?base64?/w==?=',
    'caf\u00e9',
    'a\u0001b',
  ])('%p is malformed', (value) => {
    expect(decodeHeader(value)).toBeUndefined()
  })
})

describe('parameters in headers', () => {
  const SCHEMA = {
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      where: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' },
    },
  }
  const PARAMS = headerParams(SCHEMA)
  const mismatch = (args: unknown, headers: Record<string, string>) =>
    paramMismatch(PARAMS, args, new Map(Object.entries(headers)))

  test('are found wherever a chain of properties leads to', () => {
    expect(PARAMS.map(({ name, path }) => [name, path.join('.')])).toEqual([
      ['region', 'region'],
      ['n', 'where.n'],
      ['dry-run', 'dry'],
    ])
    const tools = [{ name: 'a', inputSchema: SCHEMA }, { name: 'b', inputSchema: {} }, 'c']
    expect([...readHeaderParams(tools).keys()]).toEqual(['a'])
  })

  test.each([
    { a: { type: 'number', 'x-mcp-header': 'A' } },
    { a: { type: { toString: 1, valueOf: 1 }, 'x-mcp-header': 'A' } },
    { a: { type: 'string', 'x-mcp-header': '' } },
    { a: { type: 'string', 'x-mcp-header': 'A B' } },
    { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } },
  ])('of a schema that breaks the rules are none: %j', (properties) => {
    expect(headerParams({ properties })).toEqual([])
  })

  test('agree with the arguments', () => {
    expect(mismatch({ region: 'é' }, { region: '=?base64?w6k=?=' })).toBeUndefined()
    expect(mismatch({ region: 'a', where: { n: 42 } }, { region: 'a', n: '42.0' })).toBeUndefined()
    expect(mismatch(parseExact('{"where":{"n":4.20e1}}'), { n: '42' })).toBeUndefined()
    expect(mismatch({ region: null, dry: true }, { 'dry-run': 'true' })).toBeUndefined()
    expect(mismatch(undefined, {})).toBeUndefined()
  })

  test.each<[unknown, Record<string, string>]>([
    [{ region: 'a' }, {}],
    [{ region: 'a' }, { region: 'b' }],
    [{ region: 'a' }, { region: '=?base64?YQ?=' }],
    [{}, { region: 'a' }],
    [{ region: null }, { region: 'null' }],
    [{ where: { n: 42 } }, { n: '43' }],
    [{ where: { n: 42 } }, { n: '0x2a' }],
    [{ dry: true }, { 'dry-run': 'True' }],
    [{ region: { toString: 1, valueOf: 1 } }, { region: 'a' }],
    [{ region: ['a'] }, { region: 'a' }],
    [{ region: [{ toString: 1, valueOf: 1 }] }, { region: 'a' }],
  ])('%j does not agree with %j', (args, headers) => {
    expect(mismatch(args, headers)).toBeString()
  })
})
