import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../fixtures/broker.ts'
import { createBrowser, loginAtForgejo } from '../fixtures/browser.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { register } from './login.ts'
import { openWorld } from './world.ts'

const SUITE = join(
  import.meta.dir,
  ...['..', '..', 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js'],
)
/** The address that it prints, once all of it has come. */
const AUTHORIZE = /(https?:\/\/\S+\/oauth\/authorize\?\S+)\s/

interface Check {
  id: string
  status: string
}

eachProgram('the conformance suite', (program) => {
  test('passes the authorization server', async () => {
    await using world = await openWorld({ program })
    const port = freePort()
    const clientId = await register(world.url, 'Conformance', [`http://127.0.0.1:${port}/callback`])
    const flags = { '--url': world.url, '--client-id': clientId, '--resource': world.mcpUrl }
    const suite = Bun.spawn(
      [
        process.execPath,
        SUITE,
        'authorization',
        ...Object.entries(flags).flat(),
        '-p',
        `${port}`,
        '-o',
        'results',
      ],
      { cwd: world.folder, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
    )
    // It prints the address that a person would open, and waits for the browser to come back.
    let output = ''
    let opened: Promise<unknown> | undefined
    const decoder = new TextDecoder()
    for await (const chunk of suite.stdout) {
      output += decoder.decode(chunk, { stream: true })
      const url = AUTHORIZE.exec(output)?.[1]
      if (url !== undefined)
        opened ??= loginAtForgejo(createBrowser(), url, { user: 'alice' }).then((back) =>
          fetch(back),
        )
    }
    output += await suite.stderr.text()
    await opened
    expect(await suite.exited, output).toBe(0)
    const checks = [...new Bun.Glob('results/*/checks.json').scanSync(world.folder)].flatMap(
      (path) => JSON.parse(readFileSync(join(world.folder, path), 'utf8')) as Check[],
    )
    expect(checks.length).toBeGreaterThanOrEqual(3)
    expect(checks.filter(({ status }) => status !== 'SUCCESS')).toEqual([])
    expect(output).toMatch(/Total: \d+ passed, 0 failed/)
  })
})
