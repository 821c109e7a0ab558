import { expect, test } from 'bun:test'
import {
  covers,
  FORGEJO_SCOPES,
  grantedScopes,
  impliedScopes,
  missingScopes,
  parseScopes,
} from '../../src/forgejo/scopes.ts'
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

test('writing implies reading, and each scope is named once', () => {
  expect(impliedScopes(['write:issue', 'read:user', 'read:issue'])).toEqual([
    'write:issue',
    'read:issue',
    'read:user',
  ])
})

test('what is held covers what it implies and no more; all covers everything', () => {
  expect(covers(['write:issue'], ['read:issue', 'write:issue'])).toBe(true)
  expect(covers(['read:issue'], ['write:issue'])).toBe(false)
  expect(covers(['all'], ['write:admin'])).toBe(true)
  expect(missingScopes(['read:user'], ['read:user', 'write:issue'])).toEqual(['write:issue'])
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
