import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Login } from '../e2e/login.ts'
import { bearer, openSession, type Session, send } from '../e2e/wire.ts'
import { CALLS, SHAPES } from './shapes.ts'
import { ALL, openWorld, ranIn, type World } from './world.ts'

const READ_ONLY = SHAPES['read only'] ?? []
const WRITES = CALLS.filter(({ writes }) => writes)

let world: World
let reader: Login
let session: Session
beforeAll(async () => {
  world = await openWorld({ check: true })
  reader = await world.login(READ_ONLY)
  session = await reader.open('2025-03-26')
})
afterAll(() => world[Symbol.asyncDispose]())

/** Posts a body as it stands; nothing that writes may have run, and nothing have been written, whatever is answered. */
async function harmless(body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const before = world.forgejo.requests.length
  const { text } = await send(world.mcpUrl, { ...bearer(reader, session.id), ...headers }, body)
  const ran = await ranIn(session)
  const writing = new Set(WRITES.map(({ name }) => name))
  expect(ran.filter((name) => writing.has(name) || !/^[a-z_]+$/.test(name))).toEqual([])
  expect(world.beyond(READ_ONLY, before)).toEqual([])
  return text
}

const call = (id: unknown, name: string, args: Record<string, unknown> = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

describe('a login that may only read', () => {
  test('gets each member of a batch answered for itself, the refused ones in the batch', async () => {
    const wanted = [
      call(1, 'get_my_user_info'),
      ...WRITES.slice(0, 60).map(({ name, args }, at) => call(`w${at}`, name, args)),
      call(2, 'list_my_repos'),
    ]
    const answers = JSON.parse(await harmless(wanted)) as {
      id: unknown
      result?: unknown
      error?: { code: number; message: string }
    }[]
    expect(answers).toHaveLength(wanted.length)
    for (const { id } of wanted) {
      const answer = answers.find((one) => one.id === id)
      if (typeof id === 'number') expect(answer?.result).toBeDefined()
      else expect(answer?.error?.code).toBe(-32010)
    }
    expect(await ranIn(session)).toContain('list_my_repos')
  })

  test.each([
    'Delete_File',
    'DELETE_FILE',
    ' delete_file',
    'delete_file ',
    'delete_file\t',
    'delete_file\n',
    '\u00a0delete_file',
    'delete_file\u0000',
    'delete_\ufb01le',
    'delete-file',
    'ｄelete_file',
    'delete_fi\u212ae',
    'ſubmit_pull_review',
    '',
  ])('gets nowhere with a tool called %j', async (name) => {
    const text = await harmless(call(1, name))
    expect(text).toContain('-32010')
  })

  const evil = '"delete_file"'
  const tools = (params: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${params}}}`
  test.each([
    tools(`"name":"list_my_repos","Name":${evil}`),
    tools(`"NAME":${evil},"name":"list_my_repos"`),
    tools(`"name":"list_my_repos","name":${evil}`),
    tools(`"name":${evil},"name":"list_my_repos"`),
    tools(`"name":"list_my_repos","nam\\u0065":${evil}`),
    tools(`"name":"list_my_repos","\\u004eame":${evil}`),
    tools(`"name":{"name":${evil}}`),
    tools(`"name":[${evil}]`),
    tools(`"name":"list_my_repos","arguments":{"name":${evil},"Name":${evil}}`),
    tools('"name":"delete\\u005ffile","arguments":{}'),
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_my_repos"},"Params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","method":"tools/call","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call","params":{"name":${evil}}}`,
    `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${evil}}}]`,
    `[[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${evil}}}]]`,
    `{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":${evil}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${evil}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}`,
  ])('gets nowhere with %s', async (body) => {
    await harmless(body)
  })

  test.each(['5', '1e5', '12345678901234567890', '{"toString":1,"valueOf":1}'])(
    'gets an answer for a tool called %s, alone and in a batch',
    async (name) => {
      await session.request('tools/list')
      const one = tools(`"name":${name}`)
      const ping = '{"jsonrpc":"2.0","id":2,"method":"ping"}'
      const alone = JSON.parse(await harmless(one))
      expect(alone).toMatchObject({ id: 1, error: { code: -32010 } })
      const both = JSON.parse(await harmless(`[${one},${ping}]`))
      expect(both).toContainEqual(alone)
      expect(both).toContainEqual({ jsonrpc: '2.0', id: 2, result: {} })
    },
  )

  test.each<Record<string, string>>([
    { 'Mcp-Method': 'tools/list' },
    { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'list_my_repos' },
    { 'Mcp-Param-name': 'list_my_repos' },
    { 'X-HTTP-Method-Override': 'DELETE' },
    { 'X-Forwarded-User': 'alice', 'X-Scope': ALL.join(' ') },
    { 'Content-Type': 'application/json; charset=utf-16' },
    { 'MCP-Protocol-Version': '2025-11-25' },
    { Cookie: 'fjmcp_browser=x' },
  ])('gets nowhere with the headers %j', async (headers) => {
    await harmless(call(1, 'delete_file', { owner: 'alice', repo: 'hello' }), headers)
  })

  test('may do no more in a session that a fuller login has opened, whose own calls go on', async () => {
    const full = await world.login(ALL)
    const shared = await full.open()
    const args = { owner: 'alice', repo: 'hello', title: 'T' }
    const before = world.forgejo.requests.length
    const refused = await shared.request(
      'tools/call',
      { name: 'create_issue', arguments: args },
      reader,
    )
    expect(refused.status).toBe(403)
    expect(world.beyond(READ_ONLY, before)).toEqual([])
    expect((await shared.request('tools/list', {}, reader)).text).not.toContain('"create_issue"')
    expect((await shared.request('tools/list')).text).toContain('"create_issue"')
    expect(await shared.tool('create_issue', args)).toContain('"T"')
    await shared.end()
  })

  test('reads what it may and no more', async () => {
    const issues = await (await world.login(['read:issue'])).open()
    const read = (uri: string) => issues.request('resources/read', { uri })
    expect((await read('forgejo://repo/alice/hello/issue/1')).message?.result).toBeDefined()
    const refused = await read('forgejo://repo/alice/hello')
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('scope="read:issue read:repository"')
    for (const uri of ['forgejo://repo/alice/hello/issue/1/../../../secret', 'file:///etc/passwd'])
      expect((await read(uri)).status).toBe(403)
    const templates = await issues.request('resources/templates/list')
    expect(templates.message?.result?.resourceTemplates).toHaveLength(6)
    await issues.end()
  })
})

test('permissions that are taken back hold for the next call, and for the child that runs', async () => {
  const full = await world.login(ALL)
  const mine = await openSession(world.mcpUrl, full)
  const create = () =>
    mine.request('tools/call', {
      name: 'create_issue',
      arguments: { owner: 'alice', repo: 'hello', title: 'T' },
    })
  expect((await create()).status).toBe(200)
  const scopes = world.narrow(READ_ONLY)
  const before = world.forgejo.requests.length
  // The child that runs is asked to write on, by a call that the bridge does not judge.
  const direct = await mine.tool('test_fetch', {
    method: 'POST',
    target: '/repos/alice/hello/issues',
    body: { title: 'T' },
  })
  expect(direct).toContain('token does not have at least one of required scope(s)')
  await Bun.sleep(1_100)
  expect((await create()).status).toBe(403)
  expect(world.beyond(READ_ONLY, before)).toEqual([])
  world.narrow(scopes)
  await mine.end()
})
