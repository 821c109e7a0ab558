import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createHttpKit, type HttpKit } from './kit.ts'

let kit: HttpKit
beforeEach(() => {
  kit = createHttpKit()
})
afterEach(() => kit.close())

test('the authorization server metadata is JSON with the issuer as it stands in the public URL', async () => {
  const response = await kit.send('/.well-known/oauth-authorization-server')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toStartWith('application/json')
  expect(await response.json()).toMatchObject({
    issuer: 'https://broker.example',
    authorization_endpoint: 'https://broker.example/oauth/authorize',
    code_challenge_methods_supported: ['S256'],
    client_id_metadata_document_supported: true,
    token_endpoint_auth_methods_supported: ['none'],
  })
})

test('the resource metadata is the same with and without the path', async () => {
  const texts = await Promise.all(
    ['', '/mcp'].map(async (path) => {
      const response = await kit.send(`/.well-known/oauth-protected-resource${path}`)
      expect(response.status).toBe(200)
      return response.text()
    }),
  )
  expect(texts[0]).toBe(texts[1])
  expect(JSON.parse(texts[0] ?? '')).toMatchObject({
    resource: 'https://broker.example/mcp',
    authorization_servers: ['https://broker.example'],
  })
})

test('every endpoint that is advertised is there', async () => {
  const metadata = await (await kit.send('/.well-known/oauth-authorization-server')).json()
  for (const [name, url] of Object.entries(metadata as Record<string, unknown>)) {
    if (!name.endsWith('_endpoint')) continue
    const response = await kit.send(new URL(String(url)).pathname, { method: 'PUT' })
    expect(response.status).toBe(405)
  }
})

test('no request header finds its way into a document', async () => {
  const response = await kit.send('/.well-known/oauth-protected-resource', {
    headers: {
      host: 'broker.example:444',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
    },
  })
  const text = await response.text()
  expect(text).not.toContain('evil')
  expect(text).not.toContain('444')
})
