import { expect, test } from 'bun:test'
import { createRespond } from '../../src/http/reply.ts'
import { isFor } from '../../src/http/request.ts'

test('a reply has its own headers and those of its path, and no reply changes another’s', async () => {
  const respond = createRespond()
  for (const frozen of [true, false]) {
    const own = { 'Content-Type': 'application/json' }
    const standing = { Vary: 'Origin' }
    if (frozen) for (const each of [own, standing]) Object.freeze(each)
    const first = respond({ status: 404, body: '{}', headers: own }, standing)
    first.headers.set('Vary', 'changed')
    const second = respond({ status: 200, body: '{}', headers: own }, standing)
    expect([first.status, second.status]).toEqual([404, 200])
    expect(Object.fromEntries(second.headers)).toEqual({
      'content-type': 'application/json',
      vary: 'Origin',
    })
    if (!frozen) {
      own['Content-Type'] = 'text/plain'
      const third = respond({ status: 200, body: '', headers: own }, standing)
      expect(third.headers.get('content-type')).toBe('text/plain')
      own['Content-Type'] = 'application/json'
    }
    const alone = respond({ status: 200, body: '{}', headers: own })
    expect(Object.fromEntries(alone.headers)).toEqual({ 'content-type': 'application/json' })
  }
  expect(await respond({ status: 202, body: null }).text()).toBe('')
})

test.each([
  ['http://broker.example/mcp', true],
  ['http://[::1]:8080/mcp', true],
  ['/mcp', true],
  ['http://broker.example/mcp?x=1', false],
  ['http://broker.example/x/mcp', false],
  ['http://broker.example/mcp/mcp', false],
  ['http://broker.example/mcpx', false],
  ['/x/mcp', false],
])('%s is for /mcp: %p', (url, expected) => {
  expect(isFor({ url } as Request, '/mcp')).toBe(expected)
})
