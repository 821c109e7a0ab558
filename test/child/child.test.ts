import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnv } from '../../src/child/env.ts'
import { MAX_QUEUED_BYTES } from '../../src/child/input.ts'
import { OperatorError } from '../../src/errors.ts'
import { eventually, start, stopAll } from './harness.ts'

afterEach(stopAll)

/** Put together here, so that a search for tokens in the sources finds none. */
const SECRET = ['eyJhbGciOiJSUzI1NiJ9', 'eyJnbnQiOjF9', 'c2lnbmF0dXJl'].join('.')

function refusal(spec: Parameters<typeof start>[1]): OperatorError {
  try {
    start([], spec)
  } catch (error) {
    if (error instanceof OperatorError) return error
    throw error
  }
  throw new Error('it started')
}

describe('starting a child', () => {
  test('lines go in and come out, one by one and in order', async () => {
    const seen = start(['echo'])
    await seen.ready()
    for (let id = 1; id <= 500; id += 1) expect(seen.child.send(`{"id":${id}}`)).toBe(true)
    await seen.until((line) => line === '{"id":500}')
    expect(seen.lines.slice(1)).toEqual(Array.from({ length: 500 }, (_, at) => `{"id":${at + 1}}`))
    expect(seen.noise).toBe(0)
  })

  test('a missing program and a missing directory are told apart', () => {
    expect(refusal({ binary: '/nowhere/forgejo-mcp' }).message).toContain('there is no such file')
    expect(refusal({ binary: 'no-such-program-anywhere' }).message).toContain('on PATH')
    const without = refusal({ cwd: '/nowhere/at/all' })
    expect(without.message).toContain('working directory /nowhere/at/all is missing')
    expect(without.message).not.toContain('no such file')
  })

  test('a program that is not executable, or whose interpreter is missing, is said to be so', () => {
    const directory = mkdtempSync(join(tmpdir(), 'fjmcp-child-'))
    try {
      const plain = join(directory, 'plain')
      writeFileSync(plain, '#!/bin/sh\n', { mode: 0o644 })
      expect(refusal({ binary: plain }).message).toContain('not executable')
      const headless = join(directory, 'headless')
      writeFileSync(headless, '#!/nowhere/sh\n', { mode: 0o755 })
      expect(refusal({ binary: headless }).message).toContain('interpreter is missing')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('the environment is the given one and nothing else', async () => {
    const base = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      SSL_CERT_FILE: '/etc/ssl/x.pem',
      HOME: '/root',
      GITEA_ACCESS_TOKEN: 'gitea',
      FORGEJO_ACCESS_TOKEN: 'operators-own',
      FORGEJO_MCP_ALLOW_FILE_PATH_UPLOAD: '1',
      FJMCP_BROKER_KEY: 'key',
      BUN_OPTIONS: '--preload x',
      https_proxy: 'http://proxy.example',
    }
    const env = childEnv(base, { HOME: import.meta.dir, FORGEJO_ACCESS_TOKEN: 'pass' })
    const seen = start(['env'], { env })
    const line = await seen.until((text) => text.includes('PATH'))
    // A shell adds PWD (and some `_`) of its own before it runs the program.
    const { PWD: _pwd, _: _last, OLDPWD: _old, SHLVL: _level, ...rest } = JSON.parse(line)
    expect(rest).toEqual({
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      SSL_CERT_FILE: '/etc/ssl/x.pem',
      https_proxy: 'http://proxy.example',
      HOME: import.meta.dir,
      FORGEJO_ACCESS_TOKEN: 'pass',
    })
  })
})

describe('what a child says', () => {
  test('lines that are no JSON are counted and dropped, and so is one that never ended', async () => {
    const seen = start(['garbage'])
    await seen.child.exited
    expect(seen.lines).toEqual(['{"a":1}', '{"b":2}'])
    expect(seen.noise).toBe(5)
    expect(seen.exit).toMatchObject({ code: 0, signal: null })
  })

  test('characters cut between two reads arrive whole', async () => {
    const seen = start(['split-utf8'])
    await seen.ready()
    expect(seen.lines[0]).toBe('{"text":"häß🦊漢字"}')
  })

  test('a line over the cap is reported once and skipped, and the next one arrives', async () => {
    const seen = start(['huge', String(5 * 1024 * 1024)])
    await seen.ready()
    expect(seen.oversize).toBe(1)
    expect(seen.lines).toEqual(['{"ready":true}'])
    expect(seen.noise).toBe(0)
  })

  test('a line of many megabytes under the cap arrives whole', async () => {
    const bytes = 20 * 1024 * 1024
    const seen = start(['huge', String(bytes)], { maxLineBytes: bytes })
    await seen.ready()
    expect(seen.oversize).toBe(0)
    expect(seen.lines[0]?.length).toBe(bytes)
  })

  test('a flood on standard error holds nothing up', async () => {
    const seen = start(['flood', String(20 * 1024 * 1024)])
    await seen.ready()
    expect(seen.child.send('{"id":1}')).toBe(true)
    await seen.until((line) => line === '{"id":1}')
    seen.child.kill()
    await seen.child.exited
    expect(seen.exit?.stderrTail.length).toBeLessThanOrEqual(2048)
  })

  test('its secrets are in no log line and no report, however they are cut', async () => {
    for (const secret of [SECRET, 'short-and-shapeless']) {
      const env = { PATH: process.env.PATH ?? '', FORGEJO_ACCESS_TOKEN: secret }
      const seen = start(['leak'], { env, secrets: [secret] })
      await seen.ready()
      await seen.child.stop()
      const told = seen.logged.join('\n') + seen.exit?.stderrTail
      expect(told).toContain('slowly [redacted]')
      expect(told).toContain('token is [redacted], twice [redacted][redacted]')
      for (let length = 8; length <= secret.length; length += 1)
        expect(told).not.toContain(secret.slice(0, length))
    }
  })

  test('a token that is nobody’s secret is still kept out of the log', async () => {
    const env = { PATH: process.env.PATH ?? '', FORGEJO_ACCESS_TOKEN: SECRET }
    const seen = start(['leak'], { env, secrets: [] })
    await seen.ready()
    await seen.child.stop()
    expect(seen.logged.join('\n')).toContain('slowly [redacted]')
    expect(seen.logged.join('\n')).not.toContain(SECRET)
  })

  test('a mistake of whoever listens does not leave the child unread', async () => {
    const seen = start(['echo'])
    const push = seen.lines.push.bind(seen.lines)
    seen.lines.push = (...texts: string[]) => {
      if (texts[0] === '{"bad":1}') throw new Error('mistake')
      return push(...texts)
    }
    await seen.ready()
    seen.child.send('{"bad":1}')
    seen.child.send('{"good":1}')
    await seen.until((line) => line === '{"good":1}')
    expect(seen.logged.join('\n')).toContain('child output was not handled')
  })
})

describe('what is sent to a child', () => {
  test('a child that does not read gets no more than the cap, and nothing is thrown', async () => {
    const seen = start(['stuck'])
    await seen.ready()
    const line = `{"x":"${'x'.repeat(4 * 1024 * 1024)}"}`
    let taken = 0
    while (taken < 3 * MAX_QUEUED_BYTES && seen.child.send(line)) taken += line.length
    expect(taken).toBeGreaterThan(MAX_QUEUED_BYTES / 2)
    expect(taken).toBeLessThanOrEqual(MAX_QUEUED_BYTES + 2 * line.length)
    seen.child.kill()
    await seen.child.exited
    expect(seen.child.send('{}')).toBe(false)
  })

  test('one line larger than the cap is taken when nothing waits', async () => {
    const seen = start(['echo'], { maxLineBytes: 2 * MAX_QUEUED_BYTES })
    await seen.ready()
    const line = `{"x":"${'x'.repeat(MAX_QUEUED_BYTES)}"}`
    expect(seen.child.send(line)).toBe(true)
    await eventually(() => seen.lines.length === 2, 'the echo')
    expect(seen.lines[1] === line).toBe(true)
    await eventually(() => seen.child.send('{"after":1}'), 'room for the next line')
  })

  test('a text with a second line in it is refused', async () => {
    const seen = start(['echo'])
    await seen.ready()
    expect(seen.child.send('{"id":1}\n{"id":2}')).toBe(false)
    expect(seen.child.send('{"id":3}')).toBe(true)
    await seen.until((line) => line === '{"id":3}')
    expect(seen.lines).toEqual(['{"ready":true}', '{"id":3}'])
  })

  test('a child that takes no more input is stopped: what it was sent would wait for ever', async () => {
    const seen = start(['closed'], {}, { graceMs: 50 })
    await seen.ready()
    await eventually(() => {
      seen.child.send('{"id":1}')
      return seen.exit !== undefined
    }, 'the end of the child')
    expect(seen.child.send('{"id":2}')).toBe(false)
    expect([seen.muted, seen.exits]).toEqual([1, 1])
  })

  test('writing to a child that died neither throws nor rejects', async () => {
    const seen = start(['stuck'])
    await seen.ready()
    const line = 'x'.repeat(1024 * 1024)
    for (let round = 0; round < 4; round += 1) seen.child.send(line)
    process.kill(seen.child.pid, 'SIGKILL')
    for (let round = 0; round < 50; round += 1) {
      seen.child.send(line)
      await Bun.sleep(1)
    }
    await seen.child.exited
    expect(seen.child.send(line)).toBe(false)
    expect(seen.exit).toMatchObject({ code: null, signal: 'SIGKILL' })
  })
})
