import { describe, expect, test } from 'bun:test'
import { OAuthError } from '../../src/errors.ts'
import {
  canonicalMetadata,
  cleanName,
  MAX_NAME_LENGTH,
  parseClientDocument,
  parseClientMetadata,
} from '../../src/oauth/client-metadata.ts'
import { createPolicy } from '../../src/oauth/policy.ts'

const policy = createPolicy({
  publicUrl: 'https://mcp.example.org',
  forgejoUrl: 'https://git.example.org',
  forgejoScopes: ['read:user'],
})

const redirect_uris = ['https://app.example.org/cb']

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof OAuthError) return error.code
    throw error
  }
  return 'none'
}

describe('a name', () => {
  test('loses control, bidi and invisible characters', () => {
    expect(cleanName('Cl\u202eau\u2066de\u200b\u0000\u00ad\ufeff\u3164')).toBe('Claude')
    expect(cleanName('a\u0085b')).toBe('ab')
  })

  test('keeps one line', () => {
    expect(cleanName('  Two\r\n\tlines\u2028here \u00a0 ')).toBe('Two lines here')
  })

  test('is cut by characters, never inside one', () => {
    const cut = cleanName('\u{1f600}'.repeat(200))
    expect([...cut]).toHaveLength(MAX_NAME_LENGTH)
    expect(cut.endsWith('\u{1f600}…')).toBe(true)
    expect(cleanName('x'.repeat(MAX_NAME_LENGTH))).toBe('x'.repeat(MAX_NAME_LENGTH))
  })

  test('has no towers of accents and no broken surrogates', () => {
    expect(cleanName(`e${'\u0316'.repeat(50)}`)).toBe('e\u0316\u0316')
    expect(cleanName('a\ud800b').isWellFormed()).toBe(true)
  })

  test('keeps what people write in', () => {
    for (const name of ['Zoë’s agent', 'クロード', 'עוזר', '👩‍💻'.replace('\u200d', '')])
      expect(cleanName(name)).toBe(name.normalize('NFC'))
  })
})

describe('metadata', () => {
  test('needs redirect URIs, each of them fit', () => {
    const parse = (uris: unknown) =>
      codeOf(() => parseClientMetadata({ redirect_uris: uris }, policy))
    expect(parse(undefined)).toBe('invalid_redirect_uri')
    expect(parse([])).toBe('invalid_redirect_uri')
    expect(parse(['https://app.example.org/cb', 'http://evil.example/cb'])).toBe(
      'invalid_redirect_uri',
    )
    expect(parse(Array.from({ length: 21 }, (_, n) => `https://app.example.org/${n}`))).toBe(
      'invalid_redirect_uri',
    )
    expect(parse('https://app.example.org/cb')).toBe('invalid_client_metadata')
    expect(parse([7])).toBe('invalid_client_metadata')
  })

  test('that is not an object is refused', () => {
    for (const body of [null, [], 'x', 7, undefined])
      expect(codeOf(() => parseClientMetadata(body, policy))).toBe('invalid_client_metadata')
  })

  test('that cannot work here is refused', () => {
    for (const odd of [
      { grant_types: ['client_credentials'] },
      { grant_types: 'authorization_code' },
      { response_types: ['token'] },
      { client_name: ['a'] },
    ])
      expect(codeOf(() => parseClientMetadata({ redirect_uris, ...odd }, policy))).toBe(
        'invalid_client_metadata',
      )
  })

  test('keeps what means something and drops the rest', () => {
    expect(
      parseClientMetadata(
        {
          redirect_uris: [...redirect_uris, ...redirect_uris],
          client_name: 'App',
          client_uri: 'javascript:alert(1)',
          logo_uri: 'http://169.254.169.254/',
          token_endpoint_auth_method: 'client_secret_basic',
          scope: 'openid',
          software_id: 'x',
        },
        policy,
      ),
    ).toEqual({ name: 'App', redirectUris: redirect_uris })
  })

  test('without a usable name is named by where it sends people', () => {
    for (const client_name of [undefined, null, '', ' \u200b '])
      expect(parseClientMetadata({ redirect_uris, client_name }, policy).name).toBe(
        'Unnamed client at app.example.org',
      )
  })

  test('is the same whatever the order of its redirect URIs', () => {
    const a = { name: 'App', redirectUris: ['https://a.example/', 'https://b.example/'] }
    const b = { name: 'App', redirectUris: ['https://b.example/', 'https://a.example/'] }
    expect(canonicalMetadata(a)).toBe(canonicalMetadata(b))
    expect(canonicalMetadata({ ...a, name: 'Other' })).not.toBe(canonicalMetadata(a))
  })
})

describe('a metadata document', () => {
  const url = 'https://app.example.org/client.json'

  test('must name the very URL it came from', () => {
    const parse = (client_id: unknown) =>
      codeOf(() => parseClientDocument({ client_id, redirect_uris }, url, policy))
    expect(parse(url)).toBe('none')
    for (const other of [
      undefined,
      `${url}/`,
      url.toUpperCase(),
      'https://evil.example/client.json',
    ])
      expect(parse(other)).toBe('invalid_client_metadata')
  })

  test('must not use a shared secret', () => {
    for (const odd of [
      { token_endpoint_auth_method: 'client_secret_basic' },
      { token_endpoint_auth_method: 'client_secret_post' },
      { token_endpoint_auth_method: 'client_secret_jwt' },
      { client_secret: 'x' },
      { client_secret_expires_at: 0 },
    ])
      expect(
        codeOf(() => parseClientDocument({ client_id: url, redirect_uris, ...odd }, url, policy)),
      ).toBe('invalid_client_metadata')
  })
})
