import { describe, expect, test } from 'bun:test'
import { resourceScopes, templateScopes } from '../../src/mcp/resources.ts'
import { callScopes, DOWNLOAD_TOOLS, findTool, TOOLS } from '../../src/mcp/tools.ts'
import { RESOURCE_TEMPLATES } from '../fixtures/forgejo-mcp/listing.ts'
import { TOOLS as LISTED } from '../fixtures/forgejo-mcp/tools.ts'

describe('the table of tools', () => {
  test('has every tool of forgejo-mcp and no other', () => {
    expect(TOOLS.map(({ name }) => name).sort()).toEqual(LISTED.map(({ name }) => name).sort())
  })

  test('lets reading tools read, and says of every other that it writes', () => {
    expect(TOOLS.filter(({ hints }) => hints.readOnlyHint)).toHaveLength(67)
    for (const { name, scopes, hints } of TOOLS) {
      const writes = scopes.some((scope) => scope.startsWith('write:'))
      expect([name, writes]).toEqual([name, !hints.readOnlyHint])
      if (hints.readOnlyHint) expect([name, hints.destructiveHint]).toEqual([name, false])
      if (name.startsWith('delete_')) expect([name, hints.destructiveHint]).toEqual([name, true])
    }
  })

  test('gives each tool a title of its own, in words', () => {
    const titles = TOOLS.map(({ hints }) => hints.title)
    expect(new Set(titles).size).toBe(TOOLS.length)
    expect(titles.filter((title) => !/^[A-Z][\w' -]+$/.test(title))).toEqual([])
  })

  test('names scopes as Forgejo does', () => {
    const scopes = new Set(TOOLS.flatMap((tool) => tool.scopes))
    expect([...scopes].filter((scope) => !/^(read|write):[a-z]+$/.test(scope))).toEqual([])
    expect(findTool('get_forgejo_mcp_server_version')?.scopes).toEqual([])
    for (const name of DOWNLOAD_TOOLS) expect(findTool(name)).toBeDefined()
  })

  test.each([
    ' delete_file',
    'delete_file ',
    'Delete_File',
    'DELETE_FILE',
    'delete_file\u0000',
    '',
    7,
  ])('does not take %j for a tool', (name) => expect(findTool(name)).toBeUndefined())
})

describe('arguments decide', () => {
  const scopes = (name: string, args: unknown) => {
    const tool = findTool(name)
    return tool && [...callScopes(tool, args)].sort()
  }

  test.each<[string, unknown, string[]]>([
    ['create_repo', {}, ['write:repository', 'write:user']],
    ['create_repo', { owner: '' }, ['write:repository', 'write:user']],
    ['create_repo', { owner: 'acme' }, ['write:organization', 'write:repository']],
    ['create_repo', { owner: 5 }, ['write:organization', 'write:repository', 'write:user']],
    ['create_repo', undefined, ['write:repository', 'write:user']],
    ['delete_org_label', {}, ['read:issue', 'write:organization']],
    ['delete_org_label', { delete_mode: 'force' }, ['write:organization']],
    ['delete_org_label', { delete_mode: 'Force' }, ['read:issue', 'write:organization']],
    ['list_repo_labels', {}, ['read:issue', 'read:organization']],
    ['list_repo_labels', { include_org_labels: false }, ['read:issue']],
    ['list_repo_labels', { include_org_labels: 'false' }, ['read:issue', 'read:organization']],
    ['list_repo_labels', [], ['read:issue', 'read:organization']],
    ['list_repo_labels', 'x', ['read:issue', 'read:organization']],
  ])('%s %j', (name, args, expected) => {
    expect(scopes(name, args)).toEqual(expected)
  })
})

describe('the table of resources', () => {
  test('has every template of forgejo-mcp, with a query or without', () => {
    for (const { uriTemplate } of RESOURCE_TEMPLATES) {
      expect([uriTemplate, templateScopes(uriTemplate)?.length]).not.toContain(undefined)
      expect(templateScopes(uriTemplate.replace(/\{\?.*/, ''))).toBeDefined()
    }
    expect(templateScopes('forgejo://repo/{o}/{r}/issue/{n}')).toEqual(['read:issue'])
    expect(templateScopes('forgejo://repo/{owner}/{repo}/secret/{id}')).toBeUndefined()
  })

  test.each<[unknown, string[] | undefined]>([
    ['forgejo://owner/alice', ['read:user']],
    ['forgejo://repo/alice/hello', ['read:repository']],
    ['forgejo://repo/alice/hello/issue/1', ['read:issue']],
    ['forgejo://repo/alice/hello/issues?state=all&labels=Kind%2FBug', ['read:issue']],
    ['forgejo://repo/alice/hello/pr/1/comments', ['read:issue']],
    ['forgejo://repo/alice/hello/pr/1', ['read:issue', 'read:repository']],
    ['forgejo://repo/alice/hello/wiki/Guides%2FStart', ['read:repository']],
    ['forgejo://repo/alice/hello/branch_protection/release%2F%2A', ['read:repository']],
    ['forgejo://repo/alice%2Fhello/x', undefined],
    ['forgejo://repo/alice/hello/x/1/comments', undefined],
    ['forgejo://repo/alice/hello/issue/1/', undefined],
    ['forgejo://repo/alice/hello/wiki/a/b', undefined],
    ['forgejo://repo/alice/hello#issue', undefined],
    ['Forgejo://owner/alice', undefined],
    [' forgejo://owner/alice', undefined],
    ['forgejo://owner/alice\n', undefined],
    ['file:///etc/passwd', undefined],
    [undefined, undefined],
  ])('%j', (uri, scopes) => {
    expect(resourceScopes(uri)).toEqual(scopes)
  })
})
