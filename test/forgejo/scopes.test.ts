import { expect, test } from 'bun:test'
import { FORGEJO_SCOPES, grantedScopes, parseScopes } from '../../src/forgejo/scopes.ts'
import { err, ok } from '../../src/result.ts'

test('Forgejo knows read and write for nine areas, all and public-only', () => {
  expect(FORGEJO_SCOPES).toHaveLength(20)
  expect(FORGEJO_SCOPES).toContain('write:repository')
})

test('a scope text is its words, each once', () => {
  expect(parseScopes(' read:user  write:issue read:user ')).toEqual(
    ok(['read:user', 'write:issue']),
  )
  expect(parseScopes('')).toEqual(ok([]))
})

test.each([
  ['read:user,read:repository', ['read:user,read:repository']],
  ['READ:USER', ['READ:USER']],
  ['read:user read:bogus openid', ['read:bogus', 'openid']],
  ['write:Repository', ['write:Repository']],
])('%p holds words that would mean full access at Forgejo', (text, unknown) => {
  expect(parseScopes(text)).toEqual(err(unknown))
})

test.each([
  ['read:user write:issue', ['read:user', 'write:issue']],
  ['openid read:user bogus', ['read:user']],
  ['', ['all']],
  ['openid profile email', ['all']],
  ['read:user,write:issue', ['all']],
])('a grant for %p gives %p', (text, granted) => {
  expect(grantedScopes(text)).toEqual(granted)
})
