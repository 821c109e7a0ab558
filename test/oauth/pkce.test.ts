import { expect, test } from 'bun:test'
import { s256 } from '../../src/crypto.ts'
import { isChallenge, verifierMatches } from '../../src/oauth/pkce.ts'

test('the example of RFC 7636, appendix B', () => {
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
  expect(isChallenge(challenge)).toBe(true)
  expect(verifierMatches('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', challenge)).toBe(true)
  expect(verifierMatches('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl', challenge)).toBe(false)
})

test.each([
  ['a'.repeat(42), false],
  ['a'.repeat(43), true],
  ['a'.repeat(128), true],
  ['a'.repeat(129), false],
  [`${'a'.repeat(42)}+`, false],
  [`${'a'.repeat(43)}\n`, false],
  [`${'a'.repeat(39)}-._~`, true],
])('a verifier has 43 to 128 unreserved characters: %p', (verifier, good) => {
  expect(verifierMatches(verifier, s256(verifier))).toBe(good)
})

test.each([
  '',
  'a'.repeat(42),
  'a'.repeat(44),
  `${'a'.repeat(42)}=`,
  `${'a'.repeat(42)}~`,
  `${'a'.repeat(43)}\n`,
])('%p is no S256 challenge', (text) => {
  expect(isChallenge(text)).toBe(false)
})
