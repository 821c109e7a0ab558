import { beforeAll, describe, expect, test } from 'bun:test'
import { resourceScopes } from '../../src/mcp/resources.ts'
import { callScopes, findTool, TOOLS } from '../../src/mcp/tools.ts'
import { ROUTE_ROWS } from '../../src/relay/route-rows.ts'
import { routeScopes } from '../../src/relay/routes.ts'
import { covers, impliedScopes, plainScopes } from '../../src/scopes.ts'
import { ALL_SCOPES, bench } from './harness.ts'
import { type Recording, record, renderRows } from './routes-recorder.ts'

let recording: Recording
beforeAll(async () => {
  recording = await record()
}, 30_000)

describe('the table of routes', () => {
  test('is what the tools and resources of forgejo-mcp make today', async () => {
    const file = Bun.file(`${import.meta.dir}/../../src/relay/route-rows.ts`)
    expect(await file.text()).toBe(renderRows(recording))
    expect(ROUTE_ROWS.trim().split('\n').length).toBeGreaterThan(120)
  })

  test('agrees with the table of tools, which was made another way', () => {
    const used = new Map<string, Set<string>>(TOOLS.map(({ name }) => [name, new Set()]))
    for (const { tool, args, routes } of recording.calls) {
      const known = findTool(tool)
      if (known === undefined) throw new Error(`${tool} is not in the table`)
      const wanted = [...new Set(routes.flatMap(({ scopes }) => scopes))]
      for (const scope of wanted) used.get(tool)?.add(scope)
      expect([tool, args, plainScopes(wanted).sort()]).toEqual([
        tool,
        args,
        [...callScopes(known, args)].sort(),
      ])
    }
    for (const { name, scopes } of TOOLS) {
      // With an owner and without one a repository is made by different requests.
      const all = plainScopes([...(used.get(name) ?? [])])
      expect([name, all.sort()]).toEqual([name, [...scopes].sort()])
    }
  })

  test('agrees with the table of resources', () => {
    expect(Object.keys(recording.reads)).toHaveLength(18)
    for (const [uri, routes] of Object.entries(recording.reads)) {
      const wanted = [...new Set(routes.flatMap(({ scopes }) => scopes))].sort()
      expect([uri, wanted]).toEqual([uri, [...(resourceScopes(uri) ?? [])].sort()])
    }
  })

  test('allows each tool what it asks for, with its own scopes and no other', () => {
    for (const { tool, args, routes } of recording.calls) {
      const held = callScopes(findTool(tool) ?? TOOLS[0]!, args)
      for (const { method, path } of routes) {
        const target = { kind: 'api', path: `/api/v1${path.replaceAll(/\{\*?\}/g, 'x')}` } as const
        const ways = routeScopes(method, target) ?? []
        expect([tool, method, path, ways.some((needed) => covers(held, needed))]).toEqual([
          tool,
          method,
          path,
          true,
        ])
      }
    }
  })
})

describe('the scopes of a request', () => {
  const needs = (method: string, path: string) => routeScopes(method, { kind: 'api', path })

  test.each<[string, string, string[] | undefined]>([
    ['GET', '/api/v1/repos/issues/search?q=x', ['read:issue']],
    ['GET', '/api/v1/repos/search', ['read:repository']],
    ['HEAD', '/api/v1/repos/a/b', ['read:repository']],
    ['GET', '/api/v1/repos/a/b/contents/dir/file.txt', ['read:repository']],
    ['GET', '/api/v1/repos/a/b/contents/', ['read:repository']],
    ['GET', '/api/v1/repos///wiki/pages', ['read:repository']],
    ['GET', '/api/v1/repos/a%2Fb/c/issues/', ['read:issue']],
    ['GET', '/api/v1/settings/api', []],
    ['GET', '/api/v1/repos/a/b/pulls/1.diff', ['read:repository']],
    ['DELETE', '/api/v1/repos/a/b/labels/1', ['write:issue']],
    ['GET', '/api/v1/repos/a/b/%69ssues/1', undefined],
    ['GET', '/api/v1/repos/a/b/Issues', undefined],
    ['DELETE', '/api/v1/repos/a/b', undefined],
    ['DELETE', '/api/v1/user', undefined],
    ['POST', '/api/v1/settings/api', undefined],
    ['GET', '/api/v1/admin/users', undefined],
    ['GET', '/api/v1/repos/a/b/keys', undefined],
  ])('%s %s', (method, path, scopes) => {
    expect(needs(method, path)).toEqual(scopes && [scopes])
  })

  test('of a file by its web route are those of what it may belong to', () => {
    const file = (path: string) => routeScopes('GET', { kind: 'download', path })
    expect(file('/attachments/u-u-i-d')).toEqual([['read:issue'], ['read:repository']])
    expect(file('/a/b/attachments/u')).toEqual([['read:issue'], ['read:repository']])
    expect(file('/a/b/releases/download/v1/x')).toEqual([['read:repository']])
    expect(file('/a/b/releases/attachments/u')).toEqual([['read:repository']])
  })
})

describe('the relay', () => {
  const refused = async (response: Response) => {
    expect(response.status).toBe(403)
    return ((await response.json()) as { message: string }).message
  }

  test('holds a child to the scopes of each route, in Forgejo’s words', async () => {
    await using b = bench()
    b.grant.scopes = impliedScopes(ALL_SCOPES)
    const child = await b.child(['read:issue', 'write:repository'])
    expect((await b.ask(child, '/api/v1/repos/a/b/issues')).status).toBe(200)
    expect((await b.ask(child, '/api/v1/settings/api')).status).toBe(200)
    const wording = 'token does not have at least one of required scope(s): '
    const comment = { method: 'POST', body: '{}' }
    expect(await refused(await b.ask(child, '/api/v1/repos/a/b/issues/1/comments', comment))).toBe(
      `${wording}[write:issue]`,
    )
    expect(await refused(await b.ask(child, '/api/v1/user/repos'))).toBe(
      `${wording}[read:repository read:user]`,
    )
    expect(b.seen.map(({ target }) => target)).toEqual([
      '/api/v1/repos/a/b/issues',
      '/api/v1/settings/api',
    ])
  })

  test('lets only a child with every scope make a request that is not known', async () => {
    await using b = bench()
    const narrow = await b.child(['read:user', 'write:issue'])
    const path = '/api/v1/repos/a/b/git/notes/1'
    expect(await refused(await b.ask(narrow, path))).toContain(
      '[read:user write:repository write:issue]',
    )
    expect((await b.ask(await b.child(), path)).status).toBe(200)
  })

  test('gives files only to those who may read what they belong to', async () => {
    await using b = bench(() => new Response('file'))
    b.grant.scopes = impliedScopes(ALL_SCOPES)
    const file = '/attachments/11111111-2222-3333-4444-555555555555'
    await refused(await b.ask(await b.child(['read:user']), file))
    expect((await b.ask(await b.child(['read:issue']), file)).status).toBe(200)
    const release = '/a/b/releases/download/v1/x.tar'
    await refused(await b.ask(await b.child(['read:issue']), release))
    expect((await b.ask(await b.child(['read:repository']), release)).status).toBe(200)
  })
})
