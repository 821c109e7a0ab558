import { expect, describe as group, test } from 'bun:test'
import { join } from 'node:path'
import { describe, redact, withoutSecrets } from '../src/log.ts'

const jwt = `eyJhbGciOiJSUzI1NiJ9.eyJnbnQiOjEsInR0IjowfQ.${'a'.repeat(300)}`

/** Runs a script that logs in a process of its own, and returns what it wrote to standard error. */
async function logged(script: string): Promise<string> {
  const module = join(import.meta.dir, '..', 'src', 'log.ts')
  const child = Bun.spawn(
    [
      process.execPath,
      '-e',
      `import { createLog } from ${JSON.stringify(module)}; ${script}; setTimeout(() => {}, 50)`,
    ],
    { stderr: 'pipe', stdout: 'inherit' },
  )
  return await new Response(child.stderr).text()
}

group('the log', () => {
  test('writes one JSON object a line, with redaction at every level it is told of', async () => {
    const out = await logged(`
      const log = createLog({ debug: true, format: 'json' })
      log.with({ account: 'a1' }).info('token refreshed', {
        access_token: 'hidden-1', request: { headers: { authorization: 'hidden-2' } }, cookie: 'hidden-3', fine: 'shown',
      })
      log.debug('child said', { error: new Error('bad', { cause: new Error(${JSON.stringify(jwt)}) }) })`)
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({
      level: 'info',
      event: 'token refreshed',
      account: 'a1',
      fine: 'shown',
    })
    expect(lines[1]).toMatchObject({
      level: 'debug',
      error: 'Error: bad; caused by Error: [redacted]',
    })
    expect(out).not.toMatch(/hidden-|eyJ/)
  })

  test('says less without debug, and the same as text', async () => {
    const out = await logged(`
      const log = createLog({ debug: false, format: 'text' })
      log.debug('quiet'); log.warn('slow', { ms: 12, state: 'hidden' })`)
    expect(out).toContain('warn  slow ms=12 state=[redacted]')
    expect(out).not.toContain('quiet')
  })
})

test('token shapes are taken out of any text', () => {
  expect(redact(`a ${jwt} b`)).toBe('a [redacted] b')
  expect(redact(`pass fjpass_${'x'.repeat(43)}, fjat_${'y'.repeat(43)}`)).toBe(
    'pass [redacted], [redacted]',
  )
  expect(redact('gta_abcdefghijklmnopqrst')).toBe('[redacted]')
  expect(redact('a.b.c eyebrow fjat_')).toBe('a.b.c eyebrow fjat_')
})

test('given secrets are taken out wherever they stand', () => {
  expect(withoutSecrets('xs3crety s3cret', ['s3cret', ''])).toBe('x[redacted]y [redacted]')
})

test('an error reads with its causes and without its stack', () => {
  expect(describe(new TypeError('a', { cause: 'plain' }))).toBe('TypeError: a')
  expect(describe('text')).toBe('text')
})
