import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Login } from '../e2e/login.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { until } from '../fixtures/until.ts'
import { connect } from './client.ts'
import { render, send } from './wire.ts'

setDefaultTimeout(30_000)

let world: World
let login: Login
beforeAll(async () => {
  const binary = await conformanceBinary({ stateless: true })
  world = await openWorld({ program: FROM_SOURCE, binary })
  login = await world.login('alice')
})
afterAll(() => world[Symbol.asyncDispose]())

const token = () => login.tokens.access_token
const ASKABLE = { elicitation: {}, sampling: {}, roots: {} }

test('a child of the same revision says itself what it is, and asks in its own words', async () => {
  const { client, connect: open } = await connect(world.mcpUrl, token, { capabilities: ASKABLE })
  await open()
  expect(client.getServerVersion()).toMatchObject({ name: 'everything, stateless' })
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: 'accept',
    content: { answer: params.message },
  }))
  const { content } = await client.callTool({ name: 'test_input_required_result_multi_round' })
  expect(JSON.stringify(content)).toContain('Step 1: What is your name? likes Step 2')
  await client.close()
})

test('one child serves them all, also those that can be asked', async () => {
  await send(world.mcpUrl, token(), { method: 'tools/list' })
  const before = world.children().length
  const calls = Array.from({ length: 12 }, (_, id) =>
    send(world.mcpUrl, token(), {
      id,
      capabilities: id % 2 === 0 ? ASKABLE : {},
      params: { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken: id } },
    }),
  )
  for (const [id, { body, said }] of (await Promise.all(calls)).entries()) {
    expect(body).toMatchObject({ id, result: { resultType: 'complete' } })
    const tokens = said.slice(0, -1).map(({ params }) => params.progressToken)
    expect(tokens).toEqual([id, id, id])
  }
  expect(world.children()).toHaveLength(before)
})

test('its streams keep apart what belongs to whom', async () => {
  const listen = async (id: string | number, member: string) => {
    const params = { notifications: { [member]: true } }
    const sent = { id, method: 'subscriptions/listen', params }
    const answer = await fetch(world.mcpUrl, render(token(), sent))
    const heard: string[] = []
    void (async () => {
      const decoder = new TextDecoder()
      for await (const bytes of answer.body ?? []) heard.push(decoder.decode(bytes))
    })().catch(() => {})
    return { heard, text: () => heard.join('') }
  }
  const tools = await listen('listen:0', 'toolsListChanged')
  const more = await listen(0, 'toolsListChanged')
  const prompts = await listen('listen:1', 'promptsListChanged')
  await send(world.mcpUrl, token(), { params: { name: 'test_trigger_tool_change', arguments: {} } })
  await until('both hear', () => [tools, more].every(({ text }) => text().includes('tools/list_')))
  expect(tools.text().match(/subscriptionId":"listen:0"/g)).toHaveLength(2)
  expect(more.text().match(/subscriptionId":0/g)).toHaveLength(2)
  expect(prompts.text()).not.toContain('list_changed')
})

test('it gets the members that the revision has, and no others', async () => {
  const params = { name: 'test_simple_text', arguments: {}, Name: 'delete_file' }
  const smuggled = await send(world.mcpUrl, token(), { params })
  expect(smuggled).toMatchObject({ status: 400, body: { error: { code: -32600 } } })
  const cased = { inputresponses: {} }
  expect(await send(world.mcpUrl, token(), { params: { name: 'a', ...cased } })).toMatchObject({
    status: 400,
  })
})

test('what it lists is for nobody else to keep, and is what the login may see', async () => {
  const { body } = await send(world.mcpUrl, token(), { method: 'tools/list' })
  expect(body.result).toMatchObject({ ttlMs: 1_000, cacheScope: 'private' })
  expect(body.result.tools.length).toBeGreaterThan(20)
  const narrow = await world.login('bob', { scope: 'read:user' })
  const { body: few } = await send(world.mcpUrl, narrow.tokens.access_token, {
    method: 'tools/list',
  })
  expect(few.result.tools).toEqual([])
  const denied = await send(world.mcpUrl, narrow.tokens.access_token, {
    params: { name: 'test_simple_text', arguments: {} },
  })
  expect(denied.status).toBe(403)
  expect(denied.headers.get('www-authenticate')).toContain('insufficient_scope')
})
