import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Login } from '../e2e/login.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { until } from '../fixtures/until.ts'
import { connect, type Mode } from './client.ts'

setDefaultTimeout(30_000)

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel'

let world: World
let login: Login
beforeAll(async () => {
  world = await openWorld({ program: FROM_SOURCE, binary: await conformanceBinary() })
  login = await world.login('alice')
})
afterAll(() => world[Symbol.asyncDispose]())

const open = async (mode: Mode, capabilities = {}) => {
  const it = connect(world.mcpUrl, () => login.tokens.access_token, { mode, capabilities })
  const connected = await it
  await connected.connect()
  return connected
}

const textOf = (result: unknown): string =>
  (result as { content: { text?: string }[] }).content.map(({ text = '' }) => text).join(' ')

describe.each<[string, Mode]>([
  ['auto', 'auto'],
  ['pinned', { pin: '2026-07-28' }],
])('SDK v2, %s', (_name, mode) => {
  test('finds out what the server is, lists and calls, without any session', async () => {
    const { client, requests, transport } = await open(mode)
    expect(client.getServerVersion()?.name).toBe('everything')
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('test_simple_text')
    expect(textOf(await client.callTool({ name: 'test_simple_text' }))).toContain('simple text')
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(3)
    expect((await client.listResources()).resources.length).toBeGreaterThan(2)
    const prompt = await client.getPrompt({
      name: 'test_prompt_with_arguments',
      arguments: { arg1: 'a', arg2: 'b' },
    })
    expect(JSON.stringify(prompt)).toContain("arg1='a'")
    const read = await client.readResource({ uri: 'test://static-text' })
    expect(JSON.stringify(read.contents)).toContain('static text resource')
    expect(transport.sessionId).toBeUndefined()
    expect(requests.every(({ method }) => method === 'POST')).toBe(true)
    expect(requests.some(({ body }) => body.includes('"initialize"'))).toBe(false)
    await client.close()
  })

  test('sends a parameter in a header, and is told when it does not', async () => {
    const { client } = await open(mode)
    await client.listTools()
    const call = { name: 'test_header_parameter', arguments: { region: 'Zürich' } }
    expect(textOf(await client.callTool(call))).toBe('region Zürich')
    await client.close()
  })

  test('is asked in several rounds, and everything at once', async () => {
    const { client } = await open(mode, { elicitation: {}, sampling: {}, roots: {} })
    const asked: string[] = []
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      asked.push(params.message)
      return { action: 'accept', content: { name: 'Ada', color: 'green' } }
    })
    client.setRequestHandler('sampling/createMessage', async () => ({
      role: 'assistant',
      model: 'none',
      content: { type: 'text', text: 'Greetings,' },
    }))
    client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///home' }] }))
    const rounds = await client.callTool({ name: 'test_input_required_result_multi_round' })
    expect(textOf(rounds)).toContain('likes')
    expect(asked).toEqual(['Step 1: What is your name?', 'Step 2: What is your favorite color?'])
    const all = await client.callTool({ name: 'test_input_required_result_multiple_inputs' })
    expect(textOf(all)).toStartWith('Greetings, Ada')
    expect(textOf(all)).toContain('file:///home')
    const prompt = await client.getPrompt({ name: 'test_input_required_result_prompt' })
    expect(JSON.stringify(prompt.messages)).toContain('Context')
    await client.close()
  })

  test('may say no', async () => {
    const { client } = await open(mode, { elicitation: {} })
    client.setRequestHandler('elicitation/create', async () => ({ action: 'decline' }))
    const result = await client.callTool({ name: 'test_input_required_result_elicitation' })
    expect(textOf(result)).toBe('Hello, decline!')
    await client.close()
  })

  test('that cannot be asked learns what it lacks', async () => {
    const { client } = await open(mode)
    const error = await client
      .callTool({ name: 'test_missing_capability' })
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: -32021, data: { requiredCapabilities: { sampling: {} } } })
    await client.close()
  })

  test('sees progress, and log messages when it wants them', async () => {
    const { client } = await open(mode)
    const logged: string[] = []
    client.setNotificationHandler('notifications/message', ({ params }) => {
      logged.push(String(params.data))
    })
    const progress: number[] = []
    await client.callTool(
      { name: 'test_tool_with_progress' },
      { onprogress: ({ progress: done }) => void progress.push(done) },
    )
    expect(progress).toEqual([0, 50, 100])
    await client.callTool({ name: 'test_tool_with_logging' })
    expect(logged).toEqual([])
    await client.callTool({ name: 'test_tool_with_logging', _meta: { [LOG_LEVEL]: 'info' } })
    expect(logged).toHaveLength(3)
    await client.callTool({ name: 'test_tool_with_logging', _meta: { [LOG_LEVEL]: 'error' } })
    expect(logged).toHaveLength(3)
    await client.close()
  })

  test('cancels by going away, and the next call is answered', async () => {
    const { client } = await open(mode)
    const leaving = new AbortController()
    const call = client.callTool({ name: 'test_reconnection' }, { signal: leaving.signal })
    const ended = call.then(
      () => 'answered',
      () => 'cancelled',
    )
    await Bun.sleep(50)
    leaving.abort()
    expect(await ended).toBe('cancelled')
    expect(textOf(await client.callTool({ name: 'test_simple_text' }))).toContain('simple text')
    await client.close()
  })

  test('listens for changes, on a stream of its own', async () => {
    const { client } = await open(mode)
    const heard: string[] = []
    for (const method of [
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
    ] as const)
      client.setNotificationHandler(method, () => void heard.push(method))
    const subscription = await client.listen({
      toolsListChanged: true,
      resourceSubscriptions: ['test://watched-resource'],
    })
    expect(subscription.honoredFilter).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['test://watched-resource'],
    })
    await client.callTool({ name: 'test_trigger_prompt_change' })
    await client.callTool({ name: 'test_trigger_tool_change' })
    await until('the change is heard', () => heard.length > 0)
    expect(heard).toEqual(['notifications/tools/list_changed'])
    await subscription.close()
    await client.close()
  })

  test('is told that a resource is not there', async () => {
    const { client } = await open(mode)
    const error = await client
      .readResource({ uri: 'test://nothing' })
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: -32602, data: { uri: 'test://nothing' } })
    await client.close()
  })
})

test('both eras work on one URL at the same time', async () => {
  const { client } = await open('auto')
  const session = await login.open()
  const legacy = session.tool('test_simple_text')
  const modern = client.callTool({ name: 'test_simple_text' })
  expect(textOf(await modern)).toContain('simple text')
  expect(await legacy).toContain('simple text')
  await client.close()
})
