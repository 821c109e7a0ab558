import { expect, test } from 'bun:test'
import { readInitialize } from '../../src/session/handshake.ts'

test.each([
  ['"not today"', 'not today'],
  ['1e5', 'no message'],
  ['{"toString":1,"valueOf":1}', 'no message'],
])('a child that declines does so in words, if it has any: %s', (source, message) => {
  const text = `{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":${source}}}`
  expect(readInitialize(text)).toEqual({ kind: 'declined', message })
})
