import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { visitAs } from '../connections/visitor.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { endSession, type Front, openFront, sessionsUsed } from './front.ts'
import { type Home, openHome } from './home.ts'
import { withClient } from './install.ts'
import { startStdio } from './stdio.ts'

/** Longest time that one of these tests may take, in ms. */
const TEST_MS = 60_000
setDefaultTimeout(TEST_MS)

const CREATE = {
  name: 'create_issue',
  arguments: { owner: 'alice', repo: 'hello', title: 'From afar' },
}

/** What a person does on the connections page to begin anew. */
async function disconnectAll({ mcpUrl, world: { forgejo } }: Front, { browser }: Home) {
  const issuer = new URL(mcpUrl).origin
  const { html } = await visitAs({ issuer, forgejo }, 'alice', browser)
  const token = /name="token" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const page = await browser.post('/connections', { do: 'disconnect-all', token })
  expect(page.html).toContain('Everything is disconnected')
}

await withClient('mcp-remote/dist/proxy.js', (program) => {
  let home: Home
  beforeEach(() => {
    home = openHome('alice')
  })
  afterEach(() => home.close())

  const start = (front: Front, more: string[] = [], answers = {}) =>
    startStdio(home, [program, front.mcpUrl, ...more], answers)

  /** Forgets the tokens, but not the registration. */
  const forgetTokens = () => {
    const folder = join(home.folder, '.mcp-auth')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    const tokens = files.filter((file) => file.endsWith('_tokens.json'))
    expect(tokens).toHaveLength(1)
    for (const file of tokens) rmSync(join(folder, file))
  }

  eachProgram('mcp-remote', (broker) => {
    let front: Front
    beforeAll(async () => {
      front = await openFront({ program: broker })
    })
    afterAll(() => front[Symbol.asyncDispose]())
    test('comes from nothing to a tool result, with a session beside that it only tries the door with', async () => {
      await using client = start(front)
      expect((await client.open()).result?.serverInfo).toMatchObject({
        name: 'Forgejo MCP Server',
      })
      expect(await client.whoami()).toBe('alice')

      // It looks before it has a token, and is told where to get one.
      const early = front.seen.slice(
        0,
        front.seen.findIndex(({ authorization }) => authorization),
      )
      expect(early.filter(({ what }) => what === 'GET /mcp')).toHaveLength(2)
      const asked = early.map(({ what }) => what)
      expect(asked[0]).toBe('GET /mcp')
      expect(asked).toContain('GET /.well-known/oauth-protected-resource/mcp')
      expect(asked).toContain('POST /oauth/register')
      expect(home.visited).toHaveLength(1)
      const redirect = new URL(home.visited[0]?.searchParams.get('redirect_uri') ?? '')
      expect(redirect.hostname).toBe('localhost')
      expect(home.visited[0]?.searchParams.get('resource')).toBe(front.mcpUrl)

      // The first session hears no more than that the client is initialized, and is never ended.
      const [probe] = sessionsUsed(front)
      expect(sessionsUsed(front)).toHaveLength(2)
      const posts = front.seen.filter(({ what }) => what === 'POST /mcp')
      expect(posts.filter(({ sessionId }) => sessionId === probe)).toHaveLength(1)
      expect(front.seen.map(({ what }) => what)).not.toContain('DELETE /mcp')
    })
  })

  describe('mcp-remote', () => {
    let front: Front
    beforeAll(async () => {
      front = await openFront({ program: FROM_SOURCE })
    })
    afterAll(() => front[Symbol.asyncDispose]())
    beforeEach(() => {
      front.seen.length = 0
    })

    test('goes on by itself when its session was ended here, and its call is answered', async () => {
      await using client = start(front)
      await client.open()
      expect(await client.whoami()).toBe('alice')
      const before = sessionsUsed(front)
      expect(before).toHaveLength(2)
      for (const id of before) await endSession(front, id)

      expect(await client.whoami()).toBe('alice')
      expect(home.visited).toHaveLength(1)
      expect(sessionsUsed(front)).toHaveLength(3)
    })

    test('does not notice that the broker was restarted', async () => {
      await using client = start(front)
      await client.open()
      expect(await client.whoami()).toBe('alice')
      const before = sessionsUsed(front)
      await front.world.restart('SIGKILL')
      expect(await client.whoami()).toBe('alice')
      expect(sessionsUsed(front)).toEqual(before)
      expect(home.visited).toHaveLength(1)
    })

    test('is let in again on another port, when its own is taken', async () => {
      {
        await using client = start(front)
        await client.open()
        expect(await client.whoami()).toBe('alice')
      }
      forgetTokens()
      const portOf = (url: URL | undefined) =>
        Number(new URL(url?.searchParams.get('redirect_uri') ?? '').port)
      const usual = portOf(home.visited[0])
      const taken = ['127.0.0.1', '::1'].map((hostname) =>
        Bun.serve({ hostname, port: usual, fetch: () => new Response() }),
      )
      try {
        await using client = start(front)
        await client.open()
        expect(await client.whoami()).toBe('alice')
      } finally {
        for (const server of taken) server.stop(true)
      }
      expect(home.visited).toHaveLength(2)
      expect(portOf(home.visited[1])).not.toBe(usual)
    })

    test.each(['legacy', 'auto'])(
      'that may only read hears at once what it lacks, reads on, and is given more once it is disconnected (%s)',
      async (protocol) => {
        home.become({ choice: { access: 'read' } })
        await using client = start(front, ['--protocol', protocol])
        await client.open()
        for (let round = 0; round < 2; round += 1) {
          const { error } = await client.request('tools/call', CREATE)
          expect(error?.message).toStartWith(
            'Not permitted: create_issue needs the permission write:issue, which the user has not given to this connection',
          )
          expect(error?.message).toContain(`${new URL(front.mcpUrl).origin}/connections`)
          expect(await client.whoami()).toBe('alice')
        }
        expect(home.visited).toHaveLength(1)

        // What the error advises.
        await disconnectAll(front, home)
        home.become({ choice: { access: 'write' } })
        const { result } = await client.request('tools/call', CREATE)
        expect(JSON.stringify(result)).toContain(CREATE.arguments.title)
        expect(await client.whoami()).toBe('alice')
        expect(home.visited).toHaveLength(2)
      },
    )

    test('finds what the broker speaks when it is told to try the newest first', async () => {
      await using client = start(front, ['--protocol', 'auto'])
      await client.open()
      expect(await client.whoami()).toBe('alice')
    })
  })

  test('mcp-remote refreshes before each call while tokens are short-lived, two processes from one store of tokens', async () => {
    await using front = await openFront({
      program: FROM_SOURCE,
      env: { FJMCP_BROKER_ACCESS_TOKEN_TTL: '30s' },
    })
    await using first = start(front)
    await first.open()
    expect(await first.whoami()).toBe('alice')
    await using second = start(front)
    await second.open()
    for (let round = 0; round < 3; round += 1) {
      const asked = [first, second].flatMap((client) => [client.whoami(), client.whoami()])
      expect(await Promise.all(asked)).toEqual(['alice', 'alice', 'alice', 'alice'])
    }
    const refreshes = front.seen.filter(({ what }) => what === 'POST /oauth/token')
    expect(refreshes.length).toBeGreaterThan(6)
    expect(home.visited).toHaveLength(1)
  })

  test('mcp-remote hands the questions of the child to the application behind it', async () => {
    await using front = await openFront({
      program: FROM_SOURCE,
      binary: await conformanceBinary(),
    })
    const content = { username: 'häns', email: 'h@example.org' }
    await using client = start(front, [], {
      'elicitation/create': { action: 'accept', content },
      'sampling/createMessage': {
        role: 'assistant',
        model: 'none',
        content: { type: 'text', text: 'Paris' },
      },
    })
    await client.open({ elicitation: {}, sampling: {} })
    const told = await client.tool('test_elicitation', { message: 'Who are you?' })
    expect(JSON.parse(told.replace(/^User response: /, ''))).toEqual({
      action: 'accept',
      content,
    })
    expect(await client.tool('test_sampling', { prompt: 'Capital?' })).toBe('LLM response: Paris')
    await client.tool('test_tool_with_logging')
    const logged = client.received.filter(({ method }) => method === 'notifications/message')
    expect(logged).toHaveLength(3)
  })
})
