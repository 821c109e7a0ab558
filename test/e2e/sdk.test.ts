import { afterAll, beforeAll, expect, test } from 'bun:test'
import { everythingBinary, realBinary } from '../fixtures/binary.ts'
import { connectV1, connectV2, createProvider } from '../fixtures/mcp-client.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { openWorld, someBinary, type World } from './world.ts'

const NEW_CLIENT = ['registered', 'authorize', 'tokens']

/** What `get_my_user_info` says about whom Forgejo sees. */
const loginOf = (result: unknown): string => {
  const [first] = (result as { content: { text: string }[] }).content
  return JSON.parse(first?.text ?? '{}').Result?.login
}
const whoami = { name: 'get_my_user_info', arguments: {} }

eachProgram('the official SDKs, unmodified', (program) => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ program, binary: someBinary() })
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test('v1 comes from nothing to a tool result through the consent page, and ends its session', async () => {
    const provider = createProvider({ user: 'alice', password: 'password' }, 'SDK v1')
    const { client, transport } = await connectV1(world.mcpUrl, provider)
    expect(provider.steps).toEqual(NEW_CLIENT)
    expect((await client.listTools()).tools).toHaveLength(141)
    expect(loginOf(await client.callTool(whoami))).toBe('alice')
    await client.ping()
    await transport.terminateSession()
    expect(transport.sessionId).toBeUndefined()
    await client.close()
  })

  test.each(['legacy', 'auto'] as const)('v2 does the same in %s mode', async (mode) => {
    const provider = createProvider({ user: 'bob', password: 'password' }, `SDK v2 ${mode}`)
    const { client, transport } = await connectV2(world.mcpUrl, provider, mode)
    expect(provider.steps).toEqual(NEW_CLIENT)
    expect((await client.listTools()).tools).toHaveLength(141)
    expect(loginOf(await client.callTool(whoami))).toBe('bob')
    await transport.terminateSession()
    await client.close()
  })
})

eachProgram('a server that nobody here wrote', (program) => {
  test('is listed and called through the broker', async () => {
    await using world = await openWorld({ program, binary: everythingBinary() })
    const provider = createProvider({ user: 'alice', password: 'password' })
    const { client } = await connectV1(world.mcpUrl, provider)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('echo')
    const said = await client.callTool({ name: 'echo', arguments: { message: 'häß 🦊' } })
    expect(JSON.stringify(said.content)).toContain('häß 🦊')
    expect((await client.listResources()).resources.length).toBeGreaterThan(0)
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0)
    await client.close()
  })
})

if (realBinary() === undefined)
  test.skip('the real forgejo-mcp is neither in FORGEJO_MCP_BINARY nor on PATH: the stand-in took its place', () => {})
