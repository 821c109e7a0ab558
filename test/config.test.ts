import { describe, expect, test } from 'bun:test'
import { readConfig, type Sources } from '../src/config.ts'
import { formatKey, randomKey } from '../src/crypto.ts'
import { isLoopbackHost, parseDuration, parseListen, parseSize } from '../src/units.ts'

const required = {
  FJMCP_BROKER_PUBLIC_URL: 'https://mcp.example',
  FJMCP_BROKER_FORGEJO_URL: 'https://forge.example/git/',
  FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_ID: 'app',
  FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET: 'shh',
}

function read(more: Partial<Sources> = {}, files: Record<string, string> = {}) {
  return readConfig({
    flags: {},
    readFile: (path) => files[path],
    isScope: (word) =>
      /^(read|write):(user|repository|issue|notification|organization)$/.test(word),
    ...more,
    env: more.env ?? required,
  })
}

function problems(more: Partial<Sources>, files?: Record<string, string>): string {
  const config = read(more, files)
  if (config.ok) throw new Error('expected problems')
  return config.error.join('\n')
}

describe('configuration', () => {
  test('the four required settings are enough, and the rest has the documented defaults', () => {
    const config = read()
    if (!config.ok) throw new Error(config.error.join('\n'))
    expect(config.value).toMatchObject({
      publicUrl: 'https://mcp.example',
      forgejoUrl: 'https://forge.example/git',
      forgejoInternalUrl: 'https://forge.example/git',
      listen: { kind: 'tcp', host: '127.0.0.1', port: 8080 },
      childCredential: 'relay',
      storePath: 'broker.db',
      maxSessions: 50,
      maxSessionsPerUser: 10,
      sessionIdleTimeoutMs: 900_000,
      sessionMaxAgeMs: 30 * 86_400_000,
      callTimeoutMs: 300_000,
      accessTokenTtlMs: 3_600_000,
      refreshGraceMs: 30_000,
      maxBodyBytes: 32 * 1024 ** 2,
      rateLimit: true,
      debug: false,
      logFormat: 'json',
    })
    expect(config.value.forgejoScopes).toContain('write:repository')
    expect(Object.isFrozen(config.value)).toBe(true)
  })

  test('every problem is reported at once', () => {
    const text = problems({
      env: { FJMCP_BROKER_CALL_TIMEOUT: 'soon', FJMCP_BROKER_PUBLIC_URL: 'http://mcp.example' },
      flags: { 'max-sessions': '-1', 'forgejo-oauth-scopes': 'read:user READ:ISSUE' },
    })
    expect(text).toContain('FJMCP_BROKER_CALL_TIMEOUT "soon" is not a duration')
    expect(text).toContain('must be https')
    expect(text).toContain('--max-sessions "-1" is not a whole number')
    expect(text).toContain('--forgejo-url is required')
    expect(text).toContain('FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET is required')
    expect(text).toContain('no scope "READ:ISSUE"')
  })

  test('a flag wins over the environment and an empty variable counts as unset', () => {
    const config = read({
      flags: { 'call-timeout': '9s' },
      env: { ...required, FJMCP_BROKER_CALL_TIMEOUT: '1h', FJMCP_BROKER_MAX_SESSIONS: '' },
    })
    expect(config.ok && config.value.callTimeoutMs).toBe(9_000)
    expect(config.ok && config.value.maxSessions).toBe(50)
  })

  test('a secret comes from a variable, a file or a credential, and only from one of them', () => {
    const { FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET: _, ...rest } = required
    const name = 'FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET'
    const fromFile = read({ env: { ...rest, [`${name}_FILE`]: '/s' } }, { '/s': 'filed\n' })
    expect(fromFile.ok && fromFile.value.forgejoClientSecret).toBe('filed')
    const env = { ...rest, CREDENTIALS_DIRECTORY: '/run/credentials' }
    const credential = { [`/run/credentials/${name}`]: 'credential' }
    const fromCredential = read({ env }, credential)
    expect(fromCredential.ok && fromCredential.value.forgejoClientSecret).toBe('credential')
    expect(problems({ env: { ...env, [name]: 'x' } }, credential)).toContain('has two sources')
    expect(problems({ env: { ...rest, [`${name}_FILE`]: '/gone' } })).toContain('cannot read /gone')
  })

  test('a wrong secret is never repeated in its problem', () => {
    const text = problems({ env: { ...required, FJMCP_BROKER_KEY: 'hunter2' } })
    expect(text).toContain('FJMCP_BROKER_KEY is not 32 bytes in base64url')
    expect(text).not.toContain('hunter2')
    const key = read({ env: { ...required, FJMCP_BROKER_KEY: formatKey(randomKey()) } })
    expect(key.ok && key.value.key?.length).toBe(32)
  })

  test('http is refused for the public URL, except on loopback; a path always', () => {
    for (const url of [
      'http://127.0.0.1:8080',
      'http://localhost:1',
      'http://[::1]:1',
      'https://a.b',
    ]) {
      expect(read({ flags: { 'public-url': url } }).ok).toBe(true)
    }
    for (const url of [
      'http://10.0.0.1',
      'https://a.b/mcp',
      'https://u:p@a.b',
      'https://a.b?x',
      'ftp://a.b',
      'x',
    ]) {
      expect(read({ flags: { 'public-url': url } }).ok).toBe(false)
    }
  })
})

describe('units', () => {
  test.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['30d', 2_592_000_000],
    ['1.5h', 5_400_000],
    ['0', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toEqual({ ok: true, value: ms }))

  test.each(['', '5', 'h', '-1s', '1 h', '1y', '99999999d'])('%p is no duration', (text) =>
    expect(parseDuration(text).ok).toBe(false),
  )

  test('sizes have binary units', () => {
    expect(parseSize('32MiB')).toEqual({ ok: true, value: 33_554_432 })
    for (const text of ['32', '32MB', '-1MiB', '1.5MiB']) expect(parseSize(text).ok).toBe(false)
  })

  test('listen addresses name their host', () => {
    expect(parseListen('[::1]:80')).toEqual({
      ok: true,
      value: { kind: 'tcp', host: '::1', port: 80 },
    })
    expect(parseListen('unix:/run/b.sock')).toEqual({
      ok: true,
      value: { kind: 'unix', path: '/run/b.sock' },
    })
    for (const text of [':8080', '8080', 'a:99999', 'unix:b'])
      expect(parseListen(text).ok).toBe(false)
  })

  test('loopback is judged by address, not by look', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', 'localhost', 'a.localhost'])
      expect(isLoopbackHost(host)).toBe(true)
    for (const host of ['127.0.0.1.nip.io', 'localhost.example', '10.0.0.1', '0.0.0.0'])
      expect(isLoopbackHost(host)).toBe(false)
  })
})
