import { expect, test } from 'bun:test'
import { FORGEJO_SCOPES, grantedScopes } from '../../src/forgejo/scopes.ts'

test('Forgejo knows read and write for nine areas, all and public-only', () => {
  expect(FORGEJO_SCOPES).toHaveLength(20)
  expect(FORGEJO_SCOPES).toContain('write:repository')
  expect(FORGEJO_SCOPES).not.toContain('READ:USER')
})

test.each([
  ['read:user write:issue', ['read:user', 'write:issue']],
  ['openid read:user bogus', ['read:user']],
  ['', ['all']],
  ['openid profile email', ['all']],
  ['read:user,write:issue', ['all']],
  ['READ:USER', ['all']],
])('a grant for %p gives %p', (text, granted) => {
  expect(grantedScopes(text)).toEqual(granted)
})
