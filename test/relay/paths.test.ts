import { describe, expect, test } from 'bun:test'
import { createBases } from '../../src/relay/bases.ts'
import { judge, wrap } from '../../src/relay/paths.ts'
import { bench, rawRequest } from './harness.ts'

const bases = createBases({
  relay: 'http://127.0.0.1:9',
  forgejoUrl: 'https://forge.example/git',
  forgejoInternalUrl: 'http://forgejo:3000',
  issuer: () => 'https://old.example/git/',
})

const outcome = (target: string, method = 'GET') => {
  const judged = judge(method, new URL(target, bases.relay), bases)
  return judged.ok ? `${judged.value.kind} ${judged.value.path}` : String(judged.error.status)
}

describe('what may be forwarded', () => {
  const cases: Record<string, string> = {
    '/api/v1/version': 'version /api/v1/version',
    '/api/v1/user?page=2': 'api /api/v1/user?page=2',
    '/api/v1/repos/a/b/contents/dir%2Ffile%20x?ref=%C3%A9':
      'api /api/v1/repos/a/b/contents/dir%2Ffile%20x?ref=%C3%A9',
    '/api/v1/repos///wiki/pages': 'api /api/v1/repos///wiki/pages',
    '/api/v1/repos/a/b/contents/..gitignore': 'api /api/v1/repos/a/b/contents/..gitignore',
    '/attachments/0d0e': 'download /attachments/0d0e',
    '/a/b/attachments/0d0e': 'download /a/b/attachments/0d0e',
    '/a/b/releases/attachments/0d0e': 'download /a/b/releases/attachments/0d0e',
    '/a/b/releases/download/v1%2F2/x.zip': 'download /a/b/releases/download/v1%2F2/x.zip',
    '/api/v1/repos/a/b/issues/1/assets': 'listing /api/v1/repos/a/b/issues/1/assets',
    '/api/v1/repos/a/b/releases/3/assets/4': 'listing /api/v1/repos/a/b/releases/3/assets/4',
    '/api/v1/repos/a/b/issues/comments/3/assets':
      'listing /api/v1/repos/a/b/issues/comments/3/assets',
    '/api/v1//repos/a/b//issues/1/assets/': 'listing /api/v1//repos/a/b//issues/1/assets/',
    '/api/v1/repos/a/b/contents/src/assets': 'api /api/v1/repos/a/b/contents/src/assets',
    '/api/v1/repos/a/b/raw/issues/1/assets': 'api /api/v1/repos/a/b/raw/issues/1/assets',
    '/': '404',
    '/api/v1': '404',
    '/api/swagger': '404',
    '/api/v11/user': '404',
    '/API/v1/user': '404',
    '//api/v1/user': '404',
    '/user/settings': '404',
    '/a/b/raw/branch/main/x': '404',
    '/login/oauth/userinfo': '404',
    '/attachments/0d0e/x': '404',
    '/a/b/c/releases/download/v1/x': '404',
  }
  for (const [target, expected] of Object.entries(cases))
    test(`${target} → ${expected}`, () => expect(outcome(target)).toBe(expected))

  test('downloads are for reading only', () => {
    expect(outcome('/attachments/0d0e', 'HEAD')).toBe('download /attachments/0d0e')
    expect(outcome('/attachments/0d0e', 'POST')).toBe('404')
  })
})

describe('spellings that something behind the relay might read as another path', () => {
  const targets = [
    '/api/v1/../../user/settings',
    '/api/v1/%2e%2e/%2E%2e/user/settings',
    '/api/v1/..\\..\\user\\settings',
    '/api/v1/..%2f..%2fuser/settings',
    '/api/v1/..%5c..%5cuser/settings',
    '/api/v1/x%2f%2e%2e%2F%2e%2e',
    '/api/v1/x%2F..',
    '/api/v1/%2e%2f',
    '/%2e%2e/api/v1/../x',
    '/\\evil.example/api/v1/user',
    '//evil.example/api/v1/user',
  ]
  for (const target of targets)
    test(`${target} is refused on the wire`, async () => {
      await using b = bench()
      const { credential } = await b.child()
      const answer = await rawRequest(
        b.relay.port,
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${b.relay.port}\r\nAuthorization: token ${credential}\r\nConnection: close\r\n\r\n`,
      )
      expect(answer).toStartWith('HTTP/1.1 404')
      expect(b.seen).toHaveLength(0)
    })

  test('what is forwarded is the very path that was judged', async () => {
    await using b = bench(undefined, { path: '/git' })
    const child = await b.child()
    const path = '/api/v1/a%2Fb//c%25%5B/%7Eé?q=%20+&x=%2e%2e/..'
    await b.ask(child, path)
    expect(b.seen[0]?.target).toBe(`/git${path.replace('é', '%C3%A9')}`)
  })
})

test('query keys that change the actor are refused, however they are written', async () => {
  for (const query of ['sudo=root', 'a=1&token=x', '%61ccess_token=x', 'Sudo=root', 'token']) {
    expect(outcome(`/api/v1/user?${query}`)).toBe('403')
    expect(outcome(`/attachments/0d0e?${query}`)).toBe('403')
  }
  expect(outcome('/api/v1/user?tokens=1&q=token')).toStartWith('api ')
})

describe('a wrapped URL', () => {
  const wrapped = (url: string, method = 'GET') =>
    outcome(wrap(url, '').replace(/^/, bases.relay), method)

  test('is served under every base of Forgejo', () => {
    const expected = 'download /attachments/0d0e'
    expect(wrapped('https://forge.example/git/attachments/0d0e')).toBe(expected)
    expect(wrapped('http://forgejo:3000/attachments/0d0e')).toBe(expected)
    expect(wrapped('https://old.example/git/attachments/0d0e')).toBe(expected)
    expect(wrapped('https://forge.example/git/attachments/0d0e', 'HEAD')).toBe(expected)
  })

  test('is refused when it is not Forgejo’s at a path-segment boundary', () => {
    for (const url of [
      'https://forge.example/gitattachments/0d0e',
      'https://forge.example/attachments/0d0e',
      'https://forge.example.evil/git/attachments/0d0e',
      'https://forge.example@evil/git/attachments/0d0e',
      'https://user:pw@forge.example/git/attachments/0d0e',
      'http://forge.example/git/attachments/0d0e',
      'https://forge.example:444/git/attachments/0d0e',
      'https://forge.example/git/../attachments/0d0e',
      'http://169.254.169.254/latest/meta-data',
      'file:///etc/passwd',
    ])
      expect([url, wrapped(url)]).toEqual([url, '403'])
  })

  test('is judged like any other path below the base', () => {
    expect(wrapped('https://forge.example/git/user/settings')).toBe('404')
    expect(wrapped('https://forge.example/git//evil.example/attachments/0d0e')).toBe('404')
    expect(wrapped('https://forge.example/git/api/v1/user?token=x')).toBe('403')
    expect(wrapped('https://forge.example/git/attachments/0d0e', 'POST')).toBe('404')
    expect(wrapped('https://forge.example/git/api/v1/user', 'POST')).toBe('404')
  })

  test('is refused when there is no URL in it', () => {
    expect(outcome('/_/AB')).toBe('404')
    expect(outcome(`/_/${Buffer.from('no url').toString('base64url')}`)).toBe('404')
    expect(outcome('/_/')).toBe('404')
  })
})
