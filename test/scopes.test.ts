import { expect, test } from 'bun:test'
import { covers, impliedScopes, missingScopes, plainScopes } from '../src/scopes.ts'

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

test('a set is said without the reading that its writing implies', () => {
  expect(plainScopes(['read:issue', 'read:user', 'write:issue', 'read:user'])).toEqual([
    'read:user',
    'write:issue',
  ])
})
