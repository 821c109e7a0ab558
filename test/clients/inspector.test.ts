import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { freePort } from '../fixtures/broker.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { type Front, openFront, sessionsUsed } from './front.ts'
import { type Home, openHome } from './home.ts'
import { withClient } from './install.ts'

/** Longest time that one of these tests may take, in ms. */
const TEST_MS = 60_000
setDefaultTimeout(TEST_MS)

const LAUNCHER = '@modelcontextprotocol/inspector/clients/launcher/build/index.js'
const WHOAMI = ['--method', 'tools/call', '--tool-name', 'get_my_user_info']

interface Content {
  content: { text: string }[]
}

await withClient(LAUNCHER, (program) => {
  eachProgram('inspector --cli', (broker) => {
    let front: Front
    let home: Home
    const callback = `http://127.0.0.1:${freePort()}/oauth/callback`
    beforeAll(async () => {
      front = await openFront({ program: broker })
      home = openHome('bob')
    })
    afterAll(async () => {
      home.close()
      await front[Symbol.asyncDispose]()
    })

    /** Runs it once: its exit code, and what it wrote. */
    async function run(person: Home, ...args: string[]) {
      const { child, said, ended } = person.start(
        [program, '--cli', front.mcpUrl, '--format', 'json', ...args],
        {
          // Without a terminal it logs in only when it is told to.
          MCP_AUTO_OPEN_ENABLED: 'true',
          MCP_OAUTH_CALLBACK_URL: callback,
          // The keychain is nobody's business.
          MCP_INSPECTOR_SECRET_STORE: 'file',
        },
      )
      const [out, code] = await Promise.all([child.stdout.text(), ended()])
      return { code, out, said: said() }
    }

    /** Runs it once; its result. */
    async function inspect<T>(...args: string[]): Promise<T> {
      const { code, out, said } = await run(home, ...args)
      if (code !== 0) throw new Error(`inspector ended with ${code}:\n${said}${out}`)
      const { result } = JSON.parse(out)
      if (result === undefined) throw new Error(out)
      return result as T
    }
    const loginIn = ({ content }: Content): string =>
      JSON.parse(content[0]?.text ?? '{}').Result?.login

    test('comes from nothing to a tool result, and comes back without a login', async () => {
      expect(loginIn(await inspect<Content>(...WHOAMI))).toBe('bob')
      expect(home.visited.map(({ pathname }) => pathname)).toEqual(['/oauth/authorize'])
      expect(home.visited[0]?.searchParams.get('redirect_uri')).toBe(callback)
      expect(home.visited[0]?.searchParams.get('resource')).toBe(front.mcpUrl)
      expect(sessionsUsed(front)).toHaveLength(1)

      const { tools } = await inspect<{ tools: unknown[] }>('--method', 'tools/list')
      expect(tools.length).toBeGreaterThan(100)
      expect(home.visited).toHaveLength(1)
      expect(sessionsUsed(front)).toHaveLength(2)
    })

    test('finds what the broker speaks when it is told to try the newest first', async () => {
      expect(loginIn(await inspect<Content>(...WHOAMI, '--protocol-era', 'auto'))).toBe('bob')
    })

    test.each(['legacy', 'auto'])(
      'that may read issues and nothing else says what it may not, asks nobody, and reads on (%s)',
      async (era) => {
        const none = ['repository', 'notification', 'organization']
        const choice = Object.fromEntries(none.map((area) => [`area.${area}`, 'none']))
        const reader = openHome('bob', {
          choice: { access: 'areas', 'area.user': 'read', 'area.issue': 'read', ...choice },
        })
        try {
          const at = ['--protocol-era', era]
          const call = (name: string, ...args: string[]) =>
            run(reader, '--method', 'tools/call', '--tool-name', name, ...args, ...at)
          const repo = ['--tool-arg', 'owner=bob', 'repo=notes']
          expect((await call('get_my_user_info')).code).toBe(0)

          // It looks into the list of tools first, where what it may not use is missing.
          const hidden = await call('create_issue', ...repo, 'title=x')
          expect(hidden.code).toBe(5)
          expect(hidden.said).toContain("Tool 'create_issue' not found on server.")

          // This one is in the list, but not for every use.
          const refused = await call('list_repo_labels', ...repo)
          expect(refused.code).not.toBe(0)
          expect(refused.said).toContain(
            'Not permitted: list_repo_labels needs the permission read:organization',
          )
          expect((await call('get_my_user_info')).code).toBe(0)
          expect(reader.visited).toHaveLength(1)
        } finally {
          reader.close()
        }
      },
    )
  })
})
