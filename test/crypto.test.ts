import { describe, expect, test } from 'bun:test'
import {
  createSealer,
  formatKey,
  hashToken,
  keyFromToken,
  keyId,
  parseKey,
  randomKey,
  randomSessionId,
  randomToken,
  type Sealed,
  s256,
  sameSecret,
} from '../src/crypto.ts'

describe('sealing', () => {
  const key = randomKey()
  const sealer = createSealer([key])

  test('opens what it sealed, in the same place only', () => {
    const sealed = sealer.seal('Grüße', 'vaults.sealed_pair:1')
    expect(sealed).not.toContain('Gr')
    expect(sealer.open(sealed, 'vaults.sealed_pair:1')).toBe('Grüße')
    expect(sealer.open(sealed, 'vaults.sealed_pair:2')).toBeUndefined()
  })

  test('refuses another key, a changed byte and nonsense', () => {
    const sealed = sealer.seal('secret', 'x')
    expect(createSealer([randomKey()]).open(sealed, 'x')).toBeUndefined()
    const last = sealed.at(-1) === 'A' ? 'B' : 'A'
    expect(
      sealer.open(`${sealed.slice(0, -2)}${last}${sealed.at(-1)}` as Sealed, 'x'),
    ).toBeUndefined()
    for (const bad of ['', 'v1', 'v1.a.b.c', `v2${sealed.slice(2)}`]) {
      expect(sealer.open(bad as Sealed, 'x')).toBeUndefined()
    }
  })

  test('seals with the first key and opens with any', () => {
    const newer = createSealer([randomKey(), key])
    const old = sealer.seal('text', 'x')
    expect(newer.open(old, 'x')).toBe('text')
    expect(newer.isCurrent(old)).toBe(false)
    expect(newer.isCurrent(newer.seal('text', 'x'))).toBe(true)
  })

  test('never seals the same text to the same bytes', () => {
    expect(sealer.seal('text', 'x')).not.toBe(sealer.seal('text', 'x'))
  })

  test('a key id tells keys apart and nothing else', () => {
    expect(keyId(key)).toBe(keyId(parseKey(formatKey(key)) ?? randomKey()))
    expect(keyId(key)).not.toBe(keyId(randomKey()))
    expect(formatKey(key)).not.toContain(keyId(key))
  })
})

test('keys are exactly 32 bytes of base64url', () => {
  expect(parseKey('A'.repeat(43))?.length).toBe(32)
  for (const bad of [
    '',
    'A'.repeat(42),
    'A'.repeat(44),
    `${'A'.repeat(42)}!`,
    `${'A'.repeat(42)}+`,
  ]) {
    expect(parseKey(bad)).toBeUndefined()
  }
})

test('tokens have 256 random bits, session ids 192', () => {
  expect(randomToken('fjat_')).toMatch(/^fjat_[\w-]{43}$/)
  expect(randomSessionId()).toMatch(/^[\w-]{32}$/)
  expect(new Set(Array.from({ length: 1000 }, () => randomSessionId())).size).toBe(1000)
})

test('a derived key follows from token and purpose', () => {
  expect(keyFromToken('a', 'x')).toEqual(keyFromToken('a', 'x'))
  expect(keyFromToken('a', 'x')).not.toEqual(keyFromToken('b', 'x'))
  expect(keyFromToken('a', 'x')).not.toEqual(keyFromToken('a', 'y'))
})

test('secrets of any length compare', () => {
  expect(sameSecret('abc', 'abc')).toBe(true)
  expect(sameSecret('abc', 'abcd')).toBe(false)
})

test('S256 is the example of RFC 7636 appendix B', () => {
  expect(s256('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  )
  expect(hashToken('abc')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' as never,
  )
})
