import { expect, test } from 'bun:test'
import { clientName, modernClientName, takesChallenges } from '../../src/mcp/client-info.ts'

test('a client is called what it says, in either era', () => {
  const clientInfo = { name: 'desktop', version: '1' }
  expect(clientName({ clientInfo })).toBe('desktop')
  const _meta = { 'io.modelcontextprotocol/clientInfo': clientInfo }
  expect(modernClientName({ _meta })).toBe('desktop')
})

test.each([undefined, {}, { clientInfo: null }, { clientInfo: 'x' }, { clientInfo: { name: 1 } }])(
  'one that does not say has no name (%p)',
  (params) => {
    expect(clientName(params)).toBeUndefined()
    expect(modernClientName(params)).toBeUndefined()
    expect(modernClientName({ _meta: params })).toBeUndefined()
  },
)

test.each(['Claude Desktop (via mcp-remote 0.1.38)', 'x (via mcp-remote 0.15.1)', 'inspector-cli'])(
  'a challenge is not for %s',
  (name) => expect(takesChallenges(name)).toBe(false),
)

test.each([undefined, '', 'desktop', 'mcp-remote', 'inspector', 'my inspector-cli'])(
  'a challenge is for %p',
  (name) => expect(takesChallenges(name)).toBe(true),
)
