import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createBrowser } from '../fixtures/browser.ts'
import { type Flow, got, startFlow } from '../flows/kit.ts'

const ASKED = 'read:user write:repository write:issue'

let flow: Flow
beforeAll(async () => {
  flow = await startFlow()
})
afterAll(() => flow[Symbol.asyncDispose]())

/** A login with a choice; its tokens, and what a caller with them may do. */
async function login(
  clientId: string,
  choice: Record<string, string>,
  changes: Record<string, string> = {},
  browser = createBrowser(),
) {
  const { url, verifier } = flow.request(clientId, changes)
  const back = await flow.walk(url, { user: 'alice', choice }, browser)
  const tokens = got(await flow.redeem(clientId, back.searchParams.get('code') ?? '', verifier))
  return { tokens, may: () => scopesOf(tokens.access_token) }
}

function scopesOf(token: string): string {
  const caller = flow.verifier.verify(token)
  return caller.ok ? caller.value.scopes.join(' ') : caller.error
}

describe('what is chosen on the consent page', () => {
  test.each([
    [{ access: 'write' }, ASKED],
    [{ access: 'read' }, 'read:user read:repository read:issue'],
    [
      { access: 'areas', 'area.repository': 'read', 'area.issue': 'write', 'area.user': 'none' },
      'read:repository write:issue',
    ],
  ])('%p is what the token says, and goes on saying after a refresh', async (choice, scope) => {
    const clientId = await flow.register(`Chooser ${scope}`)
    const { tokens } = await login(clientId, choice)
    expect(tokens.scope).toBe(scope)
    expect(got(await flow.refresh(clientId, tokens.refresh_token)).scope).toBe(scope)
  })

  test('never goes beyond what the client asked for', async () => {
    const clientId = await flow.register('Modest')
    const more = { 'area.issue': 'write', 'area.repository': 'write', 'area.user': 'none' }
    const choice = { access: 'areas', ...more }
    const { tokens, may } = await login(clientId, choice, { scope: 'read:issue read:user' })
    expect(tokens.scope).toBe('read:issue')
    expect(may()).toBe('read:issue')
  })

  test('narrows the login here, while Forgejo is asked for all that is configured', async () => {
    const clientId = await flow.register('Reader')
    const before = flow.forgejo.requests.length
    await login(clientId, { access: 'read' })
    const asked = flow.forgejo.requests
      .slice(before)
      .filter(({ path }) => path.includes('/login/oauth/authorize'))
      .map(({ path }) => new URL(path, flow.forgejo.url).searchParams.get('scope'))
      .filter((scope) => scope !== null)
    expect(asked.length).toBeGreaterThan(0)
    for (const scope of asked) expect(scope?.split(' ').sort()).toEqual(ASKED.split(' ').sort())
  })

  test('holds for one login: a later one with more widens no other', async () => {
    const clientId = await flow.register('Two machines')
    const first = await login(clientId, { access: 'read' })
    const second = await login(clientId, { access: 'write' })
    expect(first.may()).toBe('read:issue read:repository read:user')
    expect(second.may()).toContain('write:issue')
  })

  test('is marked when the same browser is asked again', async () => {
    const browser = createBrowser()
    const clientId = await flow.register('Same browser')
    await login(clientId, { access: 'read' }, {}, browser)
    const page = await browser.get(flow.request(clientId).url)
    expect(page.forms[0]?.fields).toContainEqual(['access', 'read'])
    expect(page.html).toContain('what you chose last time')
    const other = await createBrowser().get(flow.request(clientId).url)
    expect(other.forms[0]?.fields).toContainEqual(['access', 'write'])
  })

  test('is written down with the login', async () => {
    const clientId = await flow.register('Audited')
    await login(clientId, { access: 'read' })
    const [row] = flow.store.audit.list({ event: 'login.completed', clientId, limit: 1 })
    expect(row?.reason).toBe('read:user read:repository read:issue')
  })
})
