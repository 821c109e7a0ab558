import { afterAll, beforeAll, expect, test } from 'bun:test'
import { login } from '../e2e/login.ts'
import { type Browser, createBrowser, type LoginAs } from '../fixtures/browser.ts'
import { connectV1, connectV2, createProvider, type Provider } from '../fixtures/mcp-client.ts'
import { SHAPES } from './shapes.ts'
import { openWorld, type World } from './world.ts'

const PERSON = { user: 'alice', password: 'password' }
const READ_ONLY = SHAPES['read only'] ?? []
const CREATE = {
  name: 'create_issue',
  arguments: { owner: 'alice', repo: 'hello', title: 'From an SDK' },
}
const READ = { name: 'get_my_user_info', arguments: {} }

let world: World
beforeAll(async () => {
  world = await openWorld({ check: true })
})
afterAll(() => world[Symbol.asyncDispose]())

const written = () =>
  world.forgejo.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/issues'))
    .length

/** A client of either SDK whose user has let it read and nothing else. */
async function reader(name: string, browser = createBrowser()): Promise<Provider> {
  const provider = createProvider(PERSON, name, browser)
  const held = await login(world.url, 'alice', {
    client: name,
    scope: READ_ONLY.join(' '),
    redirectUri: provider.redirectUrl,
    browser,
  })
  const issuer = world.url
  const redirectUris = [provider.redirectUrl]
  provider.saved.client = { client_id: held.clientId, redirect_uris: redirectUris, issuer }
  provider.saved.tokens = { ...held.tokens, issuer }
  return provider
}

test('SDK v2 steps up by itself: its user is asked, and the same call succeeds in the same session', async () => {
  const provider = await reader('SDK v2')
  const { client, transport } = await connectV2(world.mcpUrl, provider)
  const session = transport.sessionId
  const before = written()
  await expect(client.callTool(CREATE)).rejects.toThrow(/unauthorized/i)
  expect(provider.steps).toEqual(['authorize'])
  const params = provider.returned()
  await transport.finishAuth(params.get('code') ?? '', params.get('iss') ?? undefined)
  // What it had it still has, and it got no more than it needed.
  expect(provider.saved.tokens.scope.split(' ').sort()).toEqual(
    [...READ_ONLY, 'write:issue'].sort(),
  )
  expect(JSON.stringify(await client.callTool(CREATE))).toContain('From an SDK')
  expect(transport.sessionId).toBe(session)
  expect(written()).toBe(before + 1)
  await client.close()
})

/** A client of SDK v2 that asked for everything, and whose person has given it reading in this browser. */
async function narrowed(browser: Browser) {
  const person: LoginAs = { ...PERSON, choice: { access: 'read' } }
  const provider = createProvider(person, 'SDK v2 in one browser', browser)
  const { client, transport } = await connectV2(world.mcpUrl, provider)
  provider.steps.length = 0
  const finish = async () => {
    const params = provider.returned()
    await transport.finishAuth(params.get('code') ?? '', params.get('iss') ?? undefined)
  }
  return { person, provider, client, finish }
}

test('whoever presses Allow when SDK v2 steps up has given what was asked, though they chose less before', async () => {
  const browser = createBrowser()
  const { person, provider, client, finish } = await narrowed(browser)
  delete person.choice
  await expect(client.callTool(CREATE)).rejects.toThrow(/unauthorized/i)
  await finish()
  expect(provider.saved.tokens.scope.split(' ').sort()).toEqual(
    [...READ_ONLY, 'write:issue'].sort(),
  )
  expect(JSON.stringify(await client.callTool(CREATE))).toContain('From an SDK')
  // For the next app the choice of before is marked, not this one.
  expect(browser.cookies.get('fjmcp_choice')).toBe('read')
  await client.close()
})

test('whoever gives SDK v2 no more when it steps up is not asked again, and it is told why', async () => {
  const { provider, client, finish } = await narrowed(createBrowser())
  await expect(client.callTool(CREATE)).rejects.toThrow(/unauthorized/i)
  await finish()
  const steps = [...provider.steps]
  await expect(client.callTool(CREATE)).rejects.toThrow(/^.*Not permitted: create_issue needs/)
  expect(JSON.stringify(await client.callTool(READ))).toContain('alice')
  expect(provider.steps).toEqual(steps)
  await client.close()
})

test('SDK v1 gets an error that a person understands, stays connected, and is not sent in circles', async () => {
  const provider = await reader('SDK v1')
  const { client, transport } = await connectV1(world.mcpUrl, provider)
  const session = transport.sessionId
  const before = written()
  for (let round = 0; round < 3; round += 1) {
    const error = await client.callTool(CREATE).then(
      () => undefined,
      (reason: Error & { code?: number }) => reason,
    )
    expect(error?.message).toContain(
      'Not permitted: create_issue needs the permission write:issue, which the user has not given to this connection',
    )
    expect(error?.code).toBe(-32010)
    const { content } = await client.callTool(READ)
    expect(JSON.stringify(content)).toContain('alice')
  }
  // One refresh came of the first challenge, and nothing after that; nobody was sent to a browser.
  expect(provider.steps).toEqual(['tokens'])
  expect(transport.sessionId).toBe(session)
  expect(written()).toBe(before)
  await client.close()
})
