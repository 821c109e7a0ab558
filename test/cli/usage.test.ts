import { expect, spyOn, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { root } from '../../src/cli/commands.ts'
import { run } from '../../src/cli/run.ts'
import { type Ran, removeFolder, runProgram } from '../fixtures/broker.ts'
import { eachProgram } from '../fixtures/programs.ts'

/** Every command by its words: [], [clients], [clients, add], … */
function commands(command: CommandDef, words: string[] = []): string[][] {
  const below = Object.entries((command.subCommands ?? {}) as Record<string, CommandDef>)
  return [words, ...below.flatMap(([word, each]) => commands(each, [...words, word]))]
}
const COMMANDS = commands(root as CommandDef)

/** What every broker needs and these tests leave out. */
const REQUIRED = ['--public-url', '--forgejo-url', '--forgejo-oauth-client-id', '_CLIENT_SECRET']

/** Runs a command line in this process: what does not depend on how the program was made. */
async function inProcess(args: string[]): Promise<Ran> {
  const out = spyOn(console, 'log').mockImplementation(() => {})
  const error = spyOn(console, 'error').mockImplementation(() => {})
  try {
    const code = await run(args)
    const text = ({ mock }: typeof out) => mock.calls.map((call) => `${call.join(' ')}\n`).join('')
    return { code, stdout: text(out), stderr: text(error) }
  } finally {
    out.mockRestore()
    error.mockRestore()
  }
}

test('--help tells of every command and its flags', async () => {
  expect(COMMANDS.length).toBeGreaterThan(20)
  for (const words of COMMANDS) {
    const { code, stdout, stderr } = await inProcess([...words, '--help'])
    expect([words, code, stderr]).toEqual([words, 0, ''])
    expect(stdout).toContain(words.at(-1) ?? 'fjmcp-broker')
    expect(stdout).not.toContain('\u001b')
    const below = COMMANDS.filter((each) => each.length === words.length + 1)
    for (const each of below.filter((one) => words.every((word, at) => word === one[at])))
      expect(stdout).toContain(each.at(-1) ?? '')
    if (words[0] === 'serve' || words[0] === 'check') expect(stdout).toContain('--public-url')
  }
})

test.each([
  [['nonsense'], 'unknown command "nonsense"'],
  [['clients', 'nonsense'], 'unknown command "nonsense"'],
  [['clients'], 'needs a command'],
  [['--nonsense'], "Unknown option '--nonsense'"],
  [['serve', '--debug'], '--debug'],
  [['serve', 'surplus'], 'unexpected "surplus"'],
  [['clients', 'list', '--nonsense', 'x'], "Unknown option '--nonsense'"],
  [['clients', 'show'], 'needs CLIENT'],
  [['clients', 'show', 'one', 'two'], 'unexpected "two"'],
  [['audit', '--limit', 'many', '--store-path', '/nowhere.db'], '--limit "many"'],
  [['version', '--json'], "Unknown option '--json'"],
  [['--forgejo-oauth-client-secret', 'x'], 'Unknown option'],
  [['--key', 'x'], 'Unknown option'],
])('%j is bad usage: exit code 2', async (args, says) => {
  const { code, stdout, stderr } = await inProcess(args)
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(says),
  })
})

eachProgram('the command line', (program) => {
  const start = (args: string[], env: Record<string, string> = {}) =>
    runProgram(program, args, { env })

  test.each(['--version', '-v', 'version'])('%s needs no configuration', async (word) => {
    const { code, stdout, stderr } = await start([word], { FJMCP_BROKER_PUBLIC_URL: 'nonsense' })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^fjmcp-broker \S+ \(rev \S+, built \S+\)\n$/)
    expect(stderr).toBe('')
  })

  test('--help and bad usage do nothing but tell', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fjmcp-help-'))
    const help = await runProgram(program, ['--help'], { cwd: folder })
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('serve')
    const bad = await runProgram(program, ['serve', '--nonsense'], { cwd: folder })
    expect(bad).toMatchObject({ code: 2, stdout: '' })
    expect(bad.stderr).toContain("Unknown option '--nonsense'")
    expect(readdirSync(folder)).toEqual([])
    removeFolder(folder)
  })

  test.each([[['serve']], [['check']], [[]]])(
    'every problem of the configuration is told at once: %j',
    async (words) => {
      const env = {
        FJMCP_BROKER_LISTEN: 'nowhere',
        FJMCP_BROKER_MAX_SESSIONS: '-1',
        FJMCP_BROKER_DEBUG: '',
      }
      const args = ['--call-timeout', 'soon', '--forgejo-oauth-scopes', 'read:user read:everything']
      const { code, stdout, stderr } = await start([...words, ...args], env)
      expect([code, stdout]).toEqual([2, ''])
      const wrong = [
        'FJMCP_BROKER_LISTEN',
        'FJMCP_BROKER_MAX_SESSIONS',
        '--call-timeout',
        'read:everything',
      ]
      for (const part of [...REQUIRED, ...wrong]) expect(stderr).toContain(part)
      expect(stderr).toContain('8 problems')
      expect(stderr).not.toContain('FJMCP_BROKER_DEBUG')
    },
  )

  test('a command about a store that is not there says where it looked, and makes none', async () => {
    const path = join(tmpdir(), `fjmcp-${crypto.randomUUID()}.db`)
    for (const args of [['clients', 'list'], ['audit'], ['backup', 'x'], ['keys', 'rotate']]) {
      const { code, stderr } = await start([...args, '--store-path', path])
      expect([args, code]).toEqual([args, 1])
      expect(stderr).toContain(`there is no store at ${path}`)
    }
    for (const each of [path, `${path}.lock`, `${path}.key`]) expect(existsSync(each)).toBe(false)
  })
})
