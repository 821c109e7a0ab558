import { describe, expect, test } from 'bun:test'
import type { CallSink } from '../../src/mcp/calls.ts'
import { parseExact } from '../../src/mcp/exact.ts'
import { createPermissions } from '../../src/mcp/permissions.ts'
import { rpcRequest } from '../../src/mcp/rpc.ts'
import { TOOLS } from '../../src/mcp/tools.ts'
import { impliedScopes } from '../../src/scopes.ts'
import { listTools, RESOURCE_TEMPLATES } from '../fixtures/forgejo-mcp/listing.ts'

const ALL = [
  'read:user',
  'write:repository',
  'write:issue',
  'write:notification',
  'write:organization',
]
const SUPPORTED = impliedScopes(ALL)
const READ = SUPPORTED.filter((scope) => scope.startsWith('read:'))
const permissions = createPermissions({ supported: SUPPORTED })

const call = (name: unknown, args: unknown = {}) =>
  rpcRequest('tools/call', { name, arguments: args })

/** What a caller sees of an answer. */
function shown(method: string, held: readonly string[], text: string, by = permissions): string {
  let seen = ''
  const sink: CallSink = {
    message() {},
    end(value) {
      seen = value
    },
  }
  by.shown(rpcRequest(method), held, sink).end(text)
  return seen
}

const names = (text: string): string[] =>
  (JSON.parse(text) as { result: { tools: { name: string }[] } }).result.tools.map(
    ({ name }) => name,
  )

describe('a denial', () => {
  test('names what is missing, what is held and what to do, for whoever reads it', () => {
    const denial = permissions.denial(call('delete_file'), ['read:repository', 'read:user'])
    expect(denial?.missing).toEqual(['write:repository'])
    expect(denial?.text).toBe(
      'Not permitted: delete_file needs the permission write:repository, which the user has not given to this ' +
        'connection; it has read:repository, read:user. Do not try again: ask the user to connect anew and allow it.',
    )
  })

  test('does not send anybody for what this server does not give', () => {
    const denial = permissions.denial(call('create_repo'), ALL)
    expect(denial).toMatchObject({ missing: ['write:user'], grantable: false })
    expect(denial?.text).toContain('which this server gives to nobody')
    expect(denial?.text).toContain('It can be used with an organization as its owner.')
  })

  test('says how a tool can be used with what is held', () => {
    const denial = permissions.denial(call('list_repo_labels'), ['read:issue'])
    expect(denial?.missing).toEqual(['read:organization'])
    expect(denial?.text).toContain('It can be used with include_org_labels false.')
    const less = call('list_repo_labels', { include_org_labels: false })
    expect(permissions.denial(less, ['read:issue'])).toBeUndefined()
  })

  test.each([
    ['tools/call', { name: 'Delete_File', arguments: {} }],
    ['tools/call', { name: ' list_branches' }],
    ['tools/call', { name: 'a_new_tool' }],
    ['tools/call', { name: 5 }],
    ['tools/call', {}],
    ['tools/call', undefined],
    ['resources/read', { uri: 'forgejo://a/new/one' }],
    ['resources/subscribe', { uri: 'forgejo://a/new/one' }],
    ['resources/read', undefined],
  ])('%s of what is not known needs every scope (%j)', (method, params) => {
    const request = rpcRequest(method, params)
    const denial = permissions.denial(request, READ)
    expect(denial?.missing).toEqual(ALL.filter((scope) => scope !== 'read:user'))
    expect(permissions.denial(request, ALL)).toBeUndefined()
    expect(permissions.denial(request, ['all'])).toBeUndefined()
  })

  test.each(['ping', 'tools/list', 'resources/list', 'logging/setLevel', 'initialize'])(
    '%s needs no scope',
    (method) => expect(permissions.denial(rpcRequest(method), [])).toBeUndefined(),
  )

  test('repeats no more of an odd name than fits a line', () => {
    const denial = permissions.denial(call(`x${'y'.repeat(5_000)}\n`), [])
    expect(denial?.text.length).toBeLessThan(600)
    expect(denial?.what).not.toContain('\n')
  })
})

describe('a listing of tools', () => {
  const all = JSON.stringify({ jsonrpc: '2.0', id: 1, result: listTools(['a_new_tool']) })

  test('shows what can be used in some form, in the child’s order', () => {
    const seen = names(shown('tools/list', READ, all))
    expect(seen).toEqual(TOOLS.filter(({ hints }) => hints.readOnlyHint).map(({ name }) => name))
    const issues = names(shown('tools/list', ['read:issue', 'write:issue'], all))
    expect(issues).toContain('list_repo_labels')
    expect(issues).toContain('create_issue')
    expect(issues).not.toContain('create_branch')
    expect(issues).not.toContain('a_new_tool')
    expect(names(shown('tools/list', ALL, all))).toHaveLength(142)
    expect(names(shown('tools/list', [], all))).toEqual(['get_forgejo_mcp_server_version'])
  })

  test('describes each tool as it is, whatever the child claims', () => {
    const { result } = JSON.parse(shown('tools/list', ALL, all)) as {
      result: { tools: Record<string, unknown>[] }
    }
    const tool = (name: string) => result.tools.find((one) => one.name === name)
    expect(tool('list_branches')).toMatchObject({
      title: 'List branches',
      annotations: { title: 'List branches', readOnlyHint: true, destructiveHint: false },
    })
    expect(tool('delete_org')?.annotations).toEqual({
      title: 'Delete an organization',
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: true,
    })
    expect(tool('a_new_tool')).toEqual({
      name: 'a_new_tool',
      description: 'a new tool',
      inputSchema: { type: 'object' },
    })
  })

  test('leaves every other character as the child wrote it, the next page included', () => {
    const text =
      '{"jsonrpc":"2.0" , "id":1,"result":{"nextCursor":"p 2","tools":[ {"name":"get_org","n":1e400},{"name":"delete_org"} ,{"x":1}],"_meta":{"k":1.10}}}'
    const hints =
      '{"title":"Read an organization","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true}'
    expect(shown('tools/list', READ, text)).toBe(
      `{"jsonrpc":"2.0" , "id":1,"result":{"nextCursor":"p 2","tools":[{"annotations":${hints},"title":"Read an organization","name":"get_org","n":1e400}],"_meta":{"k":1.10}}}`,
    )
  })

  test.each([
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}',
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":{"tools":null}}',
    '{"jsonrpc":"2.0","id":1,"result":[]}',
  ])('that is none stays as it is: %s', (text) => {
    expect(shown('tools/list', [], text)).toBe(text)
  })

  test('tells once of each tool that the table does not have', () => {
    const told: string[] = []
    const by = createPermissions({ supported: SUPPORTED, unlisted: (name) => told.push(name) })
    shown('tools/list', ALL, all, by)
    shown('tools/list', READ, all, by)
    expect(told).toEqual(['a_new_tool'])
  })

  test('says what tools there are: another name is a mistake then, which no login would mend', () => {
    const by = createPermissions({ supported: SUPPORTED })
    const asked = (name: unknown, held = READ) => by.denial(call(name), held)
    const before = { grantable: true, missing: expect.arrayContaining(['write:issue']) }
    expect(asked('get_orgg')).toMatchObject(before)
    shown('tools/list', READ, all.replace('"tools"', '"nextCursor":"2","tools"'), by)
    expect(asked('get_orgg')).toMatchObject(before)
    shown('tools/list', READ, all, by)
    for (const name of ['get_orgg', 'Get_Org', '', undefined, ['get_org']])
      expect(asked(name)).toMatchObject({ grantable: false, missing: [] })
    expect(asked('get_orgg')?.text).toBe(
      'Not available: there is no tool "get_orgg" here. Take its name from tools/list.',
    )
    // A tool that a child has and the table has not; and a child answers for itself whoever may do everything.
    expect(asked('a_new_tool')).toMatchObject(before)
    expect(asked('get_orgg', ALL)).toBeUndefined()
  })

  test.each(['5', '1e5', '12345678901234567890', '{"toString":1,"valueOf":1}', '{}', 'null'])(
    'says so of a name that is no text either: %s',
    (source) => {
      const by = createPermissions({ supported: SUPPORTED })
      shown('tools/list', READ, all, by)
      const [name] = parseExact(`[${source}]`) as unknown[]
      const denial = by.denial(call(name), READ)
      expect(denial).toMatchObject({ grantable: false, missing: [] })
      expect(denial?.text).toContain('there is no tool without a name here')
    },
  )

  test('leaves out what the operator withholds, and so do calls', () => {
    const by = createPermissions({ supported: SUPPORTED, withheld: ['get_org'] })
    expect(names(shown('tools/list', ALL, all, by))).not.toContain('get_org')
    expect(by.denial(call('get_org'), ALL)).toMatchObject({ missing: [] })
  })
})

test('templates and resources are listed for those who may read them', () => {
  const templates = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: { resourceTemplates: RESOURCE_TEMPLATES },
  })
  const count = (held: string[]) =>
    (
      JSON.parse(shown('resources/templates/list', held, templates)) as {
        result: { resourceTemplates: unknown[] }
      }
    ).result.resourceTemplates.length
  expect(count(ALL)).toBe(17)
  expect(count(['read:user'])).toBe(1)
  expect(count(['read:issue'])).toBe(6)
  const resources =
    '{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"forgejo://owner/a","name":"a"},{"uri":"demo://x","name":"x"}]}}'
  expect(shown('resources/list', ['read:user'], resources)).toBe(
    '{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"forgejo://owner/a","name":"a"}]}}',
  )
  expect(shown('resources/list', ALL, resources)).toBe(
    '{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"forgejo://owner/a","name":"a"},{"uri":"demo://x","name":"x"}]}}',
  )
})

test('nothing else is touched', () => {
  const text = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"delete_org"}]}}'
  expect(shown('tools/call', [], text)).toBe(text)
})
