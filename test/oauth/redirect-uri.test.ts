import { describe, expect, test } from 'bun:test'
import {
  checkRedirectUri,
  matchesRedirectUri,
  redirectHost,
  redirectKind,
  redirectSource,
} from '../../src/oauth/redirect-uri.ts'

describe('what may be registered', () => {
  test.each([
    'https://claude.ai/api/mcp/auth_callback',
    'https://claude.com/api/mcp/auth_callback',
    'https://app.example.org:8443/cb?tenant=1',
    'http://localhost/callback',
    'http://localhost:3335/oauth/callback',
    'http://127.0.0.1:6276/oauth/callback',
    'http://[::1]:9000/cb',
    'cursor://anysphere.cursor-retrieval/oauth/user-agnostic/callback',
    'vscode://vscode.github-authentication/did-authenticate',
    'vscode-insiders://vscode.github-authentication/did-authenticate',
    'com.example.app:/callback',
    'https://[2001:db8::1]/cb',
  ])('%s', (uri) => {
    expect(checkRedirectUri(uri)).toEqual({ ok: true, value: undefined })
  })
})

describe('what may not', () => {
  test.each([
    ['a fragment', 'https://app.example.org/cb#x'],
    ['an empty fragment', 'https://app.example.org/cb#'],
    ['userinfo', 'https://claude.ai@evil.example/cb'],
    ['empty userinfo', 'https://@evil.example/cb'],
    ['userinfo in a private scheme', 'com.example.app://a@b/cb'],
    ['http off loopback', 'http://app.example.org/cb'],
    ['http on a name that begins like loopback', 'http://localhost.evil.example/cb'],
    ['http on a loopback address that is not written plainly', 'http://127.1.2.3/cb'],
    ['a private scheme without a dot', 'myapp://cb'],
    ['javascript', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['file', 'file:///etc/passwd'],
    ['no scheme', '/cb'],
    ['no slashes', 'https:app.example.org/cb'],
    ['a backslash', 'https://app.example.org\\@evil.example/cb'],
    ['a space', 'https://app.example.org/c b'],
    ['a line break', 'https://app.example.org/cb\r\nX: y'],
    ['letters beyond ASCII', 'https://ex\u00e4mple.org/cb'],
    ['a host that would end a CSP directive', 'https://a;sandbox/cb'],
    ['a host that would end a CSP policy', 'https://a,b/cb'],
    ['too long', `https://app.example.org/${'a'.repeat(2_000)}`],
    ['nothing', ''],
  ])('%s', (_why, uri) => {
    expect(checkRedirectUri(uri).ok).toBe(false)
  })
})

describe('matching', () => {
  test('is by the whole string off loopback', () => {
    const registered = ['https://app.example.org/cb']
    expect(matchesRedirectUri(registered, 'https://app.example.org/cb')).toBe(true)
    for (const other of [
      'https://app.example.org/cb/',
      'https://app.example.org/cb?x=1',
      'https://app.example.org:443/cb',
      'https://APP.example.org/cb',
      'https://app.example.org/x/../cb',
      'https://app.example.org:8443/cb',
    ])
      expect(matchesRedirectUri(registered, other)).toBe(false)
  })

  test.each(['localhost', '127.0.0.1', '[::1]'])(
    'forgives the port on %s, and nothing else',
    (host) => {
      const registered = [`http://${host}:1234/cb?a=1`]
      expect(matchesRedirectUri(registered, `http://${host}:50000/cb?a=1`)).toBe(true)
      expect(matchesRedirectUri(registered, `http://${host}/cb?a=1`)).toBe(true)
      expect(matchesRedirectUri([`http://${host}/cb`], `http://${host}:1/cb`)).toBe(true)
      for (const other of [
        `http://${host}:50000/cb`,
        `http://${host}:50000/cb?a=2`,
        `http://${host}:50000/other?a=1`,
        `https://${host}:50000/cb?a=1`,
        `http://${host}:50000/cb?a=1#f`,
        `http://${host}:99999/cb?a=1`,
        `http://${host}:50000@evil.example/cb?a=1`,
        `http://${host}.evil.example/cb?a=1`,
      ])
        expect(matchesRedirectUri(registered, other)).toBe(false)
    },
  )

  test('does not take one loopback name for another', () => {
    expect(matchesRedirectUri(['http://localhost/cb'], 'http://127.0.0.1/cb')).toBe(false)
  })

  test('does not forgive the port of a private scheme', () => {
    expect(matchesRedirectUri(['cursor://host:1/cb'], 'cursor://host:2/cb')).toBe(false)
  })
})

describe('the place behind a redirect URI', () => {
  test.each([
    ['https://claude.ai/cb', 'web', 'claude.ai', 'https://claude.ai'],
    [
      'https://app.example.org:8443/cb',
      'web',
      'app.example.org:8443',
      'https://app.example.org:8443',
    ],
    ['http://localhost:1234/cb', 'loopback', 'localhost:1234', 'http://localhost:1234'],
    ['https://localhost/cb', 'loopback', 'localhost', 'https://localhost'],
    ['http://[::1]:1234/cb', 'loopback', '[::1]:1234', 'http:'],
    ['cursor://anysphere/cb', 'private-scheme', 'cursor', 'cursor:'],
    ['com.example.app:/cb', 'private-scheme', 'com.example.app', 'com.example.app:'],
  ] as const)('%s is %s', (uri, kind, host, source) => {
    expect(redirectKind(uri)).toBe(kind)
    expect(redirectHost(uri)).toBe(host)
    expect(redirectSource(uri)).toBe(source)
  })
})
