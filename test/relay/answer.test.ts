import { describe, expect, test } from 'bun:test'
import { type Bench, bench, VERSION } from './harness.ts'

const ISSUE_ASSETS = '/api/v1/repos/a/b/issues/1/assets'

const redirecting =
  (location: string, status = 302): Bench['handler'] =>
  () =>
    new Response('moved', { status, headers: { location } })

describe('redirects', () => {
  test('one under a base of Forgejo’s becomes the relay’s, a relative one is kept', async () => {
    await using b = bench(undefined, { issuer: 'https://old.example' })
    const child = await b.child()
    const cases: [string, string][] = [
      ['https://forge.example/api/v1/repos/c/d?x=1', `${b.base}/api/v1/repos/c/d?x=1`],
      [`${b.upstream}/attachments/0d0e`, `${b.base}/attachments/0d0e`],
      ['https://old.example/api/v1/user', `${b.base}/api/v1/user`],
      ['/api/v1/repos/c/d', '/api/v1/repos/c/d'],
      ['d?x=1', `${b.base}/api/v1/repos/a/d?x=1`],
    ]
    for (const [location, expected] of cases) {
      b.handler = redirecting(location, 307)
      const response = await b.ask(child, '/api/v1/repos/a/b')
      expect([response.status, response.headers.get('location')]).toEqual([307, expected])
    }
  })

  test('one that leads elsewhere is 403 and names the host', async () => {
    await using b = bench()
    const child = await b.child()
    for (const location of [
      'https://s3.example/bucket/x?sig=abc',
      '//s3.example/x',
      '\\\\s3.example/x',
      '/\\s3.example/x',
      'http://s3.example',
      'https://forge.example@s3.example/',
    ]) {
      b.handler = redirecting(location)
      const response = await b.ask(child, '/attachments/0d0e')
      expect([location, response.status]).toEqual([location, 403])
      const { message } = (await response.json()) as { message: string }
      expect(message).toContain('(not s3.example)')
      expect(message).not.toContain('sig')
    }
    b.handler = redirecting('https://')
    expect((await b.ask(child, '/attachments/0d0e')).status).toBe(403)
  })

  test('a sub-path of Forgejo’s is taken off, as the relay’s root stands for it', async () => {
    await using b = bench(undefined, { path: '/git', forgejoUrl: 'https://forge.example/git' })
    const child = await b.child()
    const cases: [string, string | null][] = [
      ['/git/api/v1/repos/c/d', `${b.base}/api/v1/repos/c/d`],
      ['https://forge.example/git/api/v1/user', `${b.base}/api/v1/user`],
      ['/other/x', null],
      ['https://forge.example/gitx', null],
    ]
    for (const [location, expected] of cases) {
      b.handler = redirecting(location)
      const response = await b.ask(child, '/api/v1/repos/a/b')
      expect([location, response.headers.get('location')]).toEqual([location, expected])
    }
  })

  test('a sub-path that only browsers see is taken off as well', async () => {
    await using b = bench(redirecting('/git/api/v1/repos/c/d'), {
      forgejoUrl: 'https://forge.example/git',
    })
    const response = await b.ask(await b.child(), '/api/v1/repos/a/b')
    expect(response.headers.get('location')).toBe(`${b.base}/api/v1/repos/c/d`)
  })
})

describe('listings of attachments', () => {
  const asset = (url: string) => ({
    id: 1,
    name: 'x',
    size: 9_007_199_254,
    browser_download_url: url,
  })

  test('have every download URL wrapped, and the child fetches Forgejo’s through the relay', async () => {
    await using b = bench()
    const child = await b.child()
    const urls = ['https://forge.example/attachments/0d0e', 'http://169.254.169.254/latest']
    b.handler = ({ target }) =>
      target === ISSUE_ASSETS ? Response.json(urls.map(asset)) : new Response('the file')
    const headers = { 'accept-encoding': 'gzip', range: 'bytes=0-9' }
    const listing = await b.ask(child, ISSUE_ASSETS, { headers })
    expect(b.seen[0]?.headers.get('accept-encoding')).toBe('identity')
    expect(b.seen[0]?.headers.get('range')).toBeNull()
    const assets = (await listing.json()) as ReturnType<typeof asset>[]
    expect(assets).toEqual(
      urls.map((url) => asset(`${b.base}/_/${Buffer.from(url).toString('base64url')}`)),
    )
    expect(child.clean(JSON.stringify(assets))).toBe(JSON.stringify(urls.map(asset)))

    const [own, foreign] = assets.map((entry) => entry.browser_download_url.slice(b.base.length))
    expect(await (await b.ask(child, own ?? '')).text()).toBe('the file')
    const refused = await b.ask(child, foreign ?? '')
    expect(refused.status).toBe(403)
    expect(await refused.text()).toContain('(not 169.254.169.254)')
    expect(b.seen.map(({ target }) => target)).toEqual([ISSUE_ASSETS, '/attachments/0d0e'])
  })

  test('over 1 MiB, not JSON or compressed all the same are refused', async () => {
    await using b = bench()
    const child = await b.child()
    const long = JSON.stringify([asset('x'.repeat(1024 * 1024))])
    b.handler = () => new Response(long)
    const tooLong = await b.ask(child, ISSUE_ASSETS)
    expect(tooLong.status).toBe(502)
    expect(await tooLong.text()).toContain('longer than 1 MiB')
    b.handler = () => new Response('<html>')
    expect((await b.ask(child, ISSUE_ASSETS)).status).toBe(502)
    b.handler = () => new Response(Bun.gzipSync('[]'), { headers: { 'content-encoding': 'gzip' } })
    expect((await b.ask(child, ISSUE_ASSETS)).status).toBe(502)
    b.handler = () => new Response('['.repeat(500_000))
    expect((await b.ask(child, ISSUE_ASSETS)).status).toBe(502)
  })
})

describe('error bodies', () => {
  test('have the account’s tokens replaced wherever their bytes occur', async () => {
    await using b = bench()
    const child = await b.child()
    b.vault.secretsOf = ['token-one', 'token-zero']
    const body = Buffer.from('[sha: token-one]\n"token-zero"\xff\xe9 é', 'latin1')
    b.handler = () => new Response(body, { status: 500 })
    const response = await b.ask(child, '/api/v1/user')
    expect(response.status).toBe(500)
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1')).toBe(
      '[sha: [redacted]]\n"[redacted]"\xff\xe9 é',
    )
  })

  test('are unpacked for that, and dropped when they cannot be', async () => {
    await using b = bench()
    const child = await b.child()
    const answer = (encoding: string, body: Uint8Array<ArrayBuffer>) => () =>
      new Response(body, { status: 422, headers: { 'content-encoding': encoding } })
    b.handler = answer('gzip', Bun.gzipSync('it was token-one'))
    const unpacked = await b.ask(child, '/api/v1/user')
    expect(unpacked.headers.get('content-encoding')).toBeNull()
    expect(await unpacked.text()).toBe('it was [redacted]')
    for (const handler of [
      answer('br', new TextEncoder().encode('token-one')),
      answer('gzip', new TextEncoder().encode('token-one')),
      answer('gzip', Bun.gzipSync(new Uint8Array(64 * 1024 * 1024))),
    ]) {
      b.handler = handler
      const dropped = await b.ask(child, '/api/v1/user')
      expect(dropped.status).toBe(422)
      expect(await dropped.json()).toEqual({
        message: 'Forgejo answered 422',
        url: 'https://forge.example/api/swagger',
      })
    }
  })

  test('are cut when they are endless', async () => {
    await using b = bench(() => new Response('x'.repeat(3_000_000), { status: 502 }))
    const response = await b.ask(await b.child(), '/api/v1/user')
    expect([response.status, (await response.text()).length]).toEqual([502, 64 * 1024])
  })

  test('do not end in the middle of a token either', async () => {
    const page = `${'x'.repeat(64 * 1024 - 5)}token-one${'y'.repeat(100_000)}`
    await using b = bench(() => new Response(page, { status: 502 }))
    const text = await (await b.ask(await b.child(), '/api/v1/user')).text()
    expect(text).toEndWith('x[reda')
  })
})

test('the version a child sees is the known one, with its pass checked all the same', async () => {
  await using b = bench()
  const response = await b.ask(await b.child(), '/api/v1/version')
  expect(await response.text()).toBe(VERSION)
  expect((await fetch(`${b.base}/api/v1/version`)).status).toBe(403)
})
