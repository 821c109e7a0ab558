import { expect, test } from 'bun:test'
import { childEnv } from '../../src/child/env.ts'

test('a child inherits what it needs to run and nothing that could be a secret or a switch', () => {
  const base = {
    PATH: '/bin',
    LANG: 'C',
    TZ: 'UTC',
    SSL_CERT_FILE: '/a',
    SSL_CERT_DIR: '/b',
    HTTP_PROXY: 'http://p',
    no_proxy: 'x',
    HOME: '/root',
    USER: 'root',
    LD_PRELOAD: 'x',
    NODE_OPTIONS: 'x',
    BUN_OPTIONS: 'x',
    BUN_BE_BUN: '1',
    GITEA_HOST: 'x',
    GITEA_ACCESS_TOKEN: 'x',
    FORGEJO_URL: 'x',
    FORGEJO_ACCESS_TOKEN: 'x',
    FORGEJO_DEBUG: 'true',
    FORGEJO_MCP_UPLOAD_ROOT: '/',
    FORGEJO_MCP_ALLOW_FILE_PATH_UPLOAD: '1',
    FJMCP_BROKER_KEY: 'x',
    CREDENTIALS_DIRECTORY: '/run',
    GOMEMLIMIT: '1',
    MISSING: undefined,
  }
  expect(childEnv(base, {})).toEqual({
    PATH: '/bin',
    LANG: 'C',
    TZ: 'UTC',
    SSL_CERT_FILE: '/a',
    SSL_CERT_DIR: '/b',
    HTTP_PROXY: 'http://p',
    no_proxy: 'x',
  })
})

test('what it is given wins, and is held to the list as well', () => {
  const given = {
    HOME: '/empty',
    FORGEJO_ACCESS_TOKEN: 'pass',
    FORGEJO_USER_AGENT: 'broker',
    GOMEMLIMIT: '64MiB',
    TZ: 'Europe/Berlin',
    FORGEJO_MCP_ALLOW_FILE_PATH_UPLOAD: '1',
    LD_PRELOAD: 'x',
  }
  const { FORGEJO_MCP_ALLOW_FILE_PATH_UPLOAD: _upload, LD_PRELOAD: _preload, ...allowed } = given
  expect(childEnv({ TZ: 'UTC', HOME: '/root' }, given)).toEqual(allowed)
})

test('proxies it is given replace the broker’s own, exceptions included', () => {
  const base = { HTTP_PROXY: 'http://p', https_proxy: 'http://p', NO_PROXY: 'lan.example' }
  const given = { HTTP_PROXY: 'http://relay', HTTPS_PROXY: 'http://relay' }
  expect(childEnv(base, given)).toEqual(given)
})
