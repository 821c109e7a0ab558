import { describe, expect, test } from 'bun:test'
import { parseExact } from '../../../src/mcp/exact.ts'
import { passOn, readError, translate } from '../../../src/mcp/modern/outcome.ts'
import { isAnswer } from '../../../src/mcp/modern/questions.ts'

const INFO = '{"name":"child","version":"1"}'
const ANSWER = { idText: '7', serverInfo: INFO, ttlMs: 0, params: undefined }
const say = (text: string, method = 'tools/call', more = {}) =>
  translate(text, { ...ANSWER, method, ...more })
const resultOf = (source: string, method?: string, more?: object) =>
  say(`{"jsonrpc":"2.0","id":7,"result":${source}}`, method, more).text
const errorOf = (error: object, params?: Record<string, unknown>) =>
  say(JSON.stringify({ jsonrpc: '2.0', id: 7, error }), 'resources/read', { params })

describe('a result of a child of an earlier revision', () => {
  test('gets its type and the name of its server, and stays what it was', () => {
    const big = '{"n":1e400,"big":12345678901234567890,"s":"\\u0041 }{"}'
    expect(resultOf(big)).toBe(
      `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":${INFO}},"n":1e400,"big":12345678901234567890,"s":"\\u0041 }{"}}`,
    )
    expect(JSON.parse(resultOf('{ }')).result).toEqual({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/serverInfo': JSON.parse(INFO) },
    })
    expect(resultOf('{}', 'tools/call', { serverInfo: undefined })).toEndWith(
      '"result":{"resultType":"complete"}}',
    )
  })

  test('loses what meant nothing when it was written', () => {
    const text = resultOf(
      '{"resultType":"x","ttlMs":-1,"cacheScope":"public","_meta":{"a":1,"io.modelcontextprotocol/related-task":{}},"content":[]}',
    )
    expect(JSON.parse(text).result).toEqual({
      resultType: 'complete',
      _meta: { a: 1, 'io.modelcontextprotocol/serverInfo': JSON.parse(INFO) },
      content: [],
    })
  })

  test('says how long it may be kept where that is asked for', () => {
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/read']) {
      const { result } = JSON.parse(resultOf('{}', method, { ttlMs: 5 }))
      expect(result).toMatchObject({ ttlMs: 5, cacheScope: 'private' })
    }
    expect(resultOf('{}', 'tools/call', { ttlMs: 5 })).not.toContain('ttlMs')
  })

  test('lists tools without how they run as tasks', () => {
    const tools =
      '{"tools":[{"name":"a","execution":{"taskSupport":"optional"},"x":1},{"name":"b"}]}'
    expect(JSON.parse(resultOf(tools, 'tools/list')).result.tools).toEqual([
      { name: 'a', x: 1 },
      { name: 'b' },
    ])
  })

  test('that is no object becomes an error', () => {
    expect(JSON.parse(resultOf('null')).error.code).toBe(-32603)
  })
})

describe('an error of a child of an earlier revision', () => {
  test('about a resource that is not there gets its new number and the URI', () => {
    const { status, text } = errorOf({ code: -32002, message: 'no' }, { uri: 'a:b' })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32602, message: 'no', data: { uri: 'a:b' } },
    })
  })

  test('about a method is 404, any other 200', () => {
    expect(errorOf({ code: -32601, message: 'no' }).status).toBe(404)
    expect(errorOf({ code: -32603, message: 'no' }).status).toBe(200)
    expect(errorOf({ code: 42, message: 'no' }).status).toBe(200)
  })

  test('does not use numbers that mean something else now', () => {
    const { text } = errorOf({ code: -32021, message: 'mine', data: { a: 1 } })
    expect(JSON.parse(text).error).toEqual({
      code: -32603,
      message: 'mine',
      data: { a: 1, childCode: -32021 },
    })
  })

  test('that wants a page visited names the capability for it', () => {
    const { status, text } = errorOf({ code: -32042, message: 'visit' })
    expect(status).toBe(400)
    expect(JSON.parse(text).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    })
  })
})

describe('an answer of a stateless child', () => {
  test('is passed on, but nobody else may keep it', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"ttlMs":9,"cacheScope":"public","tools":[]}}'
    expect(passOn(text)).toEqual({ status: 200, text: text.replace('"public"', '"private"') })
  })

  test.each([
    [-32601, 404],
    [-32021, 400],
    [-32602, 200],
  ])('with the error %i has the status %i', (code, status) => {
    const text = JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code, message: '' } })
    expect(passOn(text)).toEqual({ status, text } as never)
  })
})

test('an answer to a question has the shape of one', () => {
  expect(isAnswer('elicitation/create', { action: 'accept', content: {} })).toBe(true)
  expect(isAnswer('elicitation/create', { action: 'maybe' })).toBe(false)
  expect(isAnswer('roots/list', { roots: [] })).toBe(true)
  expect(isAnswer('roots/list', { action: 'accept' })).toBe(false)
  const said = { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'm' }
  expect(isAnswer('sampling/createMessage', said)).toBe(true)
  for (const value of [undefined, null, 1, 'x', []])
    expect(isAnswer('roots/list', value)).toBe(false)
})

const NO_TEXT = ['1e5', '12345678901234567890', '{"toString":1,"valueOf":1}', '[[]]', 'null']

test.each(NO_TEXT)('an answer does not say %s', (source) => {
  const answer = parseExact(`{"action":${source}}`)
  expect(isAnswer('elicitation/create', answer)).toBe(false)
})

test.each(NO_TEXT)('an error whose message is %s has none', (source) => {
  const text = `{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":${source}}}`
  expect(readError(text)).toEqual({ code: -32602, message: '', data: undefined })
})
