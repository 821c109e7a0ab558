import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Client } from '../../src/oauth/clients.ts'
import { err } from '../../src/result.ts'
import { consentOf, createKit, type FlowKit, ISSUER, locationOf, pageOf } from './flow-kit.ts'

let kit: FlowKit
let client: Client

beforeEach(() => {
  kit = createKit()
  client = kit.client()
})
afterEach(() => kit.close())

const begin = (query: URLSearchParams, cookie?: string) => kit.authorization.begin(query, cookie)

describe('before the client and its redirect URI are known, a refusal is a page', () => {
  test('a client_id that nobody registered is told to be removed and added again', async () => {
    const page = pageOf(await begin(kit.query(client, { client_id: 'client_dead' })))
    expect(page.status).toBe(400)
    expect(page.advice).toContain('remove this server and add it again')
  })

  test('a revoked client is locked out', async () => {
    kit.revocation.revokeClient(client.id, 'test')
    expect(pageOf(await begin(kit.query(client))).status).toBe(403)
  })

  test('a metadata document that cannot be fetched asks to try later', async () => {
    const query = kit.query(client, { client_id: 'https://app.example/client.json' })
    kit.clients.resolve = async () => err('unreachable')
    expect(pageOf(await begin(query)).status).toBe(503)
    kit.clients.resolve = async () => err('invalid')
    expect(pageOf(await begin(query)).status).toBe(400)
  })

  test.each([
    ['no client_id', { client_id: undefined }],
    ['an empty client_id', { client_id: '' }],
    ['no redirect_uri', { redirect_uri: undefined }],
    ['a redirect_uri of somebody else', { redirect_uri: 'https://evil.example/callback' }],
    ['a redirect_uri that is longer', { redirect_uri: 'https://app.example/callback/x' }],
    [
      'everything else wrong, too',
      { redirect_uri: 'https://evil.example', response_type: 'token' },
    ],
  ])('%s', async (_name, changes) => {
    expect(pageOf(await begin(kit.query(client, changes))).status).toBe(400)
  })

  test.each(['client_id', 'redirect_uri'])('a second %s', async (name) => {
    const query = kit.query(client)
    query.append(name, query.get(name) ?? '')
    expect(pageOf(await begin(query)).status).toBe(400)
  })
})

describe('after that a refusal goes back to the client, with its state and our issuer', () => {
  test.each([
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['a hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['no code_challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a code_challenge that is too short', { code_challenge: 'a'.repeat(42) }, 'invalid_request'],
    ['a code_challenge that is too long', { code_challenge: 'a'.repeat(44) }, 'invalid_request'],
    [
      'a code_challenge with foreign characters',
      { code_challenge: `${'a'.repeat(42)}=` },
      'invalid_request',
    ],
    [
      'no code_challenge_method, which would mean plain',
      { code_challenge_method: undefined },
      'invalid_request',
    ],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a resource of another server', { resource: 'https://other.example/mcp' }, 'invalid_target'],
    ['a resource that only begins like ours', { resource: `${ISSUER}/mcp/more` }, 'invalid_target'],
  ])('%s', async (_name, changes, error) => {
    const location = locationOf(await begin(kit.query(client, changes)))
    expect(location.origin + location.pathname).toBe('https://app.example/callback')
    expect(location.searchParams.get('error')).toBe(error)
    expect(location.searchParams.get('state')).toBe('client-state')
    expect(location.searchParams.get('iss')).toBe(ISSUER)
    expect(location.searchParams.get('error_description')).toMatch(/^[ !#-[\]-~]+$/)
  })

  test('a parameter that is sent twice', async () => {
    const query = kit.query(client)
    query.append('scope', 'read:user')
    query.append('scope', 'read:user')
    expect(locationOf(await begin(query)).searchParams.get('error')).toBe('invalid_request')
  })

  test('one foreign resource among ours', async () => {
    const query = kit.query(client)
    query.append('resource', 'https://other.example/mcp')
    expect(locationOf(await begin(query)).searchParams.get('error')).toBe('invalid_target')
  })

  test('a state beyond the cap is not echoed', async () => {
    const location = locationOf(await begin(kit.query(client, { state: 's'.repeat(4097) })))
    expect(location.searchParams.get('error')).toBe('invalid_request')
    expect(location.searchParams.has('state')).toBe(false)
  })

  test('a request without a state gets none back', async () => {
    const query = kit.query(client, { state: undefined, response_type: 'token' })
    const location = locationOf(await begin(query))
    expect(location.searchParams.has('state')).toBe(false)
    expect(location.searchParams.get('iss')).toBe(ISSUER)
  })

  test('a redirect URI keeps its own query and its spelling', async () => {
    const uri = 'cursor://anysphere.cursor-deeplink/mcp?flow=%7E1'
    const app = kit.client('Cursor', [uri])
    const outcome = await begin(kit.query(app, { response_type: 'token' }))
    expect(outcome.kind === 'redirect' && outcome.location).toStartWith(`${uri}&error=`)
  })
})

describe('a good request', () => {
  test('is shown with who asks, where to and what for', async () => {
    const { view } = consentOf(await begin(kit.query(client, { scope: 'read:user' })))
    expect(view).toMatchObject({
      clientName: 'App',
      redirectHost: 'app.example',
      redirectKind: 'web',
      redirectSource: 'https://app.example',
      scopes: ['read:user'],
      forgejoUrl: 'https://forge.example',
    })
    expect(view.clientUrl).toBeUndefined()
  })

  test('may come from any loopback port', async () => {
    const app = kit.client('Native', ['http://localhost/callback'])
    const redirect_uri = 'http://localhost:43117/callback'
    const { view } = consentOf(await begin(kit.query(app, { redirect_uri })))
    expect(view).toMatchObject({ redirectHost: 'localhost:43117', redirectKind: 'loopback' })
  })

  test('of a metadata document shows the URL that the client could not make up', async () => {
    const id = 'https://app.example/client.json'
    kit.store.clients.saveDocument(
      0,
      { id, name: 'Doc', redirectUris: [...client.redirectUris], metadata: {} },
      0,
    )
    kit.clients.resolve = async () => ({ ok: true, value: { ...client, id, kind: 'document' } })
    expect(consentOf(await begin(kit.query(client, { client_id: id }))).view.clientUrl).toBe(id)
  })

  test.each([
    ['no resource', undefined],
    ['our resource', `${ISSUER}/mcp`],
    ['our resource with a trailing slash', `${ISSUER}/mcp/`],
  ])('may name %s', async (_name, resource) => {
    consentOf(await begin(kit.query(client, { resource })))
  })

  test('may name our resource twice', async () => {
    const query = kit.query(client)
    query.append('resource', kit.policy.resource)
    consentOf(await begin(query))
  })

  test('has its unknown scopes ignored, and gets the default when it names no other', async () => {
    const some = await begin(kit.query(client, { scope: 'openid write:issue offline_access' }))
    expect(consentOf(some).view.scopes).toEqual(['write:issue'])
    const none = await begin(kit.query(client, { scope: 'openid email' }))
    expect(consentOf(none).view.scopes).toEqual([...kit.policy.defaultScopes])
  })

  test('keeps the cookie of a browser that has a good one, and replaces any other', async () => {
    const first = consentOf(await begin(kit.query(client)))
    expect(consentOf(await begin(kit.query(client), first.browser)).browser).toBe(first.browser)
    for (const bad of ['', 'short', `${'a'.repeat(42)};`]) {
      const { browser } = consentOf(await begin(kit.query(client), bad))
      expect(browser).not.toBe(bad)
      expect(browser).toMatch(/^[\w-]{43}$/)
    }
  })
})
