import { expect, test } from 'bun:test'
import { createBrowser } from '../fixtures/browser.ts'
import { CALLBACK, got, startFlow } from './kit.ts'

test('register, authorize, consent, login, token, refresh, revoke', async () => {
  await using flow = await startFlow()
  const clientId = await flow.register()
  const { url, verifier, state } = flow.request(clientId)

  const back = await flow.walk(url, { user: 'alice' })
  expect(back.origin + back.pathname).toBe(CALLBACK)
  expect(Object.fromEntries(back.searchParams)).toEqual({
    code: expect.stringMatching(/^fjco_/),
    state,
    iss: flow.issuer,
  })
  expect(await flow.present('fjat_nothing')).toBe(401)

  const first = got(await flow.redeem(clientId, back.searchParams.get('code') ?? '', verifier))
  expect(first).toMatchObject({ expires_in: 3600, scope: 'read:user write:repository write:issue' })
  expect(await flow.present(first.access_token)).toBe(400)
  const caller = flow.verifier.verify(first.access_token)
  expect(caller.ok && caller.value).toMatchObject({ login: 'alice', clientId })

  const second = got(await flow.refresh(clientId, first.refresh_token))
  expect(await flow.present(second.access_token)).toBe(400)

  expect(
    await flow.post('/oauth/revoke', { token: second.refresh_token, client_id: clientId }),
  ).toMatchObject({ status: 200 })
  expect(await flow.present(second.access_token)).toBe(401)
  expect(await flow.present(first.access_token)).toBe(401)
  expect(flow.ended).toHaveLength(1)
})

test('nothing that passed through here stands in the log or in the database file', async () => {
  await using flow = await startFlow()
  const clientId = await flow.register()
  const tokens = await flow.connect(clientId, 'alice')
  await flow.refresh(clientId, tokens.refresh_token)
  await flow.present(tokens.access_token)
  await flow.redeem(clientId, `fjco_${'x'.repeat(43)}`, 'y'.repeat(43))
  await flow.walk(flow.request(clientId).url, { user: 'bob', decision: 'deny' })
  const accounts = flow.rows<{ id: string }>('SELECT id FROM accounts').map(({ id }) => id)
  const upstreams = accounts.flatMap((id) => flow.vault.secrets(id))
  const atForgejo = flow.forgejo.requests.flatMap(({ body }) => {
    const form = new URLSearchParams(body)
    return ['code', 'code_verifier', 'client_secret'].flatMap((name) => form.get(name) ?? [])
  })
  const secrets = [...flow.secrets, ...upstreams, ...atForgejo, flow.config.forgejoClientSecret]

  expect(upstreams.length).toBeGreaterThan(0)
  expect(atForgejo.length).toBeGreaterThan(1)
  expect(flow.lines.length).toBeGreaterThan(0)
  const bytes = flow.bytesOnDisk()
  const log = flow.lines.join('\n')
  expect(bytes.includes(clientId)).toBe(true)
  for (const secret of secrets) {
    expect(bytes.includes(secret)).toBe(false)
    expect(log.includes(secret)).toBe(false)
  }
})

test('two clients of one user, and one client of two users, each know who they are', async () => {
  await using flow = await startFlow()
  const claude = await flow.register('Claude')
  const code = await flow.register('Code')
  const tokens = [
    await flow.connect(claude, 'alice'),
    await flow.connect(code, 'alice'),
    await flow.connect(claude, 'bob'),
  ]
  const who = tokens.map(({ access_token }) => {
    const caller = flow.verifier.verify(access_token)
    return caller.ok && [caller.value.login, caller.value.clientId]
  })
  expect(who).toEqual([
    ['alice', claude],
    ['alice', code],
    ['bob', claude],
  ])
  expect(flow.rows('SELECT 1 FROM grants')).toHaveLength(3)
  expect(flow.rows('SELECT 1 FROM vaults')).toHaveLength(2)
  for (const [index, client] of [claude, code, claude].entries())
    got(await flow.refresh(client, tokens[index]?.refresh_token ?? ''))
})

test('one browser, two accounts one after the other: the second login is the second user', async () => {
  await using flow = await startFlow()
  const clientId = await flow.register()
  const browser = createBrowser()
  const names: unknown[] = []
  for (const user of ['alice', 'bob']) {
    const { url, verifier } = flow.request(clientId)
    const back = await flow.walk(url, { user }, browser)
    const tokens = got(await flow.redeem(clientId, back.searchParams.get('code') ?? '', verifier))
    const caller = flow.verifier.verify(tokens.access_token)
    names.push(caller.ok && caller.value.login)
    flow.forgejo.control.signOut(user)
  }
  expect(names).toEqual(['alice', 'bob'])
})

test('a renamed user stays the same account', async () => {
  await using flow = await startFlow()
  const clientId = await flow.register()
  const before = await flow.connect(clientId, 'alice')
  flow.forgejo.control.change('alice', { login: 'alicia' })
  const after = await flow.connect(clientId, 'alicia')
  const found = [before, after].map(({ access_token }) => {
    const caller = flow.verifier.verify(access_token)
    return caller.ok ? caller.value : undefined
  })
  expect(found[0]).toMatchObject({ login: 'alicia' })
  expect(found[0]?.accountId).toBe(found[1]?.accountId ?? '')
})

test('parallel refreshes from two addresses get one answer', async () => {
  await using flow = await startFlow()
  const clientId = await flow.register()
  const { refresh_token } = await flow.connect(clientId, 'alice')
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => got(await flow.refresh(clientId, refresh_token))),
  )
  expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1)
  expect(flow.ended).toEqual([])
})
