import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { findTool, usableWith } from '../../src/mcp/tools.ts'
import type { Reply, Session } from '../e2e/wire.ts'
import { CALLS, type Call, SHAPES } from './shapes.ts'
import { isOurs, openWorld, ranIn, type World } from './world.ts'

const WIDTH = 12
const shapes = Object.entries(SHAPES)

/** Makes every call there is in one session, several at a time; the answers in the order of the calls. */
async function callAll(session: Session): Promise<[Call, Reply][]> {
  const answers: [Call, Reply][] = []
  const rest = CALLS.values()
  const lane = async () => {
    for (const call of rest) {
      const { name, args } = call
      answers.push([call, await session.request('tools/call', { name, arguments: args })])
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, lane))
  return answers
}

const sorted = (calls: readonly Call[]) => calls.map(({ name }) => name).sort()
const SCOPE_WORDING = 'token does not have at least one of required scope(s)'

describe('every tool, by every kind of login', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ check: true })
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test.each(shapes)(
    '%s: what the scopes allow reaches the child, the rest is 403',
    async (_, scopes) => {
      const session = await (await world.login(scopes)).open()
      const before = world.forgejo.requests.length
      const answers = await callAll(session)
      expect(await ranIn(session).then((names) => names.sort())).toEqual(
        sorted(CALLS.filter((call) => call.allowed(scopes))),
      )
      for (const [call, { status, headers, message, text }] of answers) {
        const challenge = headers.get('www-authenticate') ?? ''
        if (call.allowed(scopes)) {
          // The relay, by a table of its own, and Forgejo itself agree.
          expect([call.name, status, text.includes(SCOPE_WORDING)]).toEqual([call.name, 200, false])
          continue
        }
        expect(message?.error?.code).toBe(-32010)
        expect(message?.error?.message).toContain(`${call.name} needs the permission`)
        if (!call.grantable) {
          expect([call.name, status]).toEqual([call.name, 200])
          continue
        }
        expect([call.name, status]).toEqual([call.name, 403])
        expect(challenge).toMatch(
          /^Bearer error="insufficient_scope", scope="[a-z: ]+", resource_metadata="http[^"]+"/,
        )
        const asked = /scope="([^"]+)"/.exec(challenge)?.[1]?.split(' ') ?? []
        expect(call.allowed(asked)).toBe(true)
        // Nothing that is held gets lost by a new login.
        for (const scope of scopes)
          expect(asked.includes(scope) || asked.includes(scope.replace('read:', 'write:'))).toBe(
            true,
          )
      }
      expect(world.beyond(scopes, before)).toEqual([])
      expect(await session.end()).toBe(204)
    },
    30_000,
  )

  test.each(shapes)('%s: the list of tools is what can be used', async (_, scopes) => {
    const session = await (await world.login(scopes)).open()
    const { message } = await session.request('tools/list')
    const tools = message?.result?.tools as {
      name: string
      annotations: { readOnlyHint: boolean }
    }[]
    const usable = [
      ...new Set(CALLS.filter((call) => call.allowed(scopes)).map(({ name }) => name)),
    ]
    const listed = tools.map(({ name }) => name).filter((name) => !isOurs(name))
    expect(listed.sort()).toEqual(usable.sort())
    // No login but the full one sees what nobody knows the scopes of.
    expect(tools.length > listed.length).toBe(scopes === SHAPES.full)
    for (const { name, annotations } of tools) {
      const tool = findTool(name)
      if (tool) expect([name, annotations.readOnlyHint]).toEqual([name, tool.hints.readOnlyHint])
      if (tool) expect(usableWith(tool).length).toBeGreaterThan(0)
    }
    await session.end()
  })
})

describe('with the check at the bridge switched off', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ check: false })
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test.each(shapes)(
    '%s: the relay lets nothing through that the scopes do not allow',
    async (_, scopes) => {
      const session = await (await world.login(scopes)).open()
      const before = world.forgejo.requests.length
      const answers = await callAll(session)
      expect(await ranIn(session)).toHaveLength(CALLS.length)
      for (const [call, { text }] of answers) {
        const refused = text.includes(SCOPE_WORDING)
        if (call.allowed(scopes)) expect([call.name, refused]).toEqual([call.name, false])
        // A label's uses are counted as far as they can be: what is not told is taken for none.
        else if (call.name !== 'delete_org_label' || !scopes.includes('write:organization'))
          expect([call.name, call.args, refused]).toEqual([call.name, call.args, true])
      }
      expect(world.beyond(scopes, before)).toEqual([])
      await session.end()
    },
    30_000,
  )
})
