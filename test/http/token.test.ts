import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHttpKit, form, type HttpKit, json } from './kit.ts'

let kit: HttpKit
beforeEach(() => {
  kit = createHttpKit()
})
afterEach(() => kit.close())

const expectNotStored = (response: Response) => {
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('pragma')).toBe('no-cache')
}

describe('registration', () => {
  const good = { client_name: 'App', redirect_uris: ['https://app.example/callback'] }

  test('answers 201, for an identical one too, with the same client', async () => {
    const first = await kit.send('/oauth/register', json(good))
    expect(first.status).toBe(201)
    expectNotStored(first)
    const second = await kit.send(
      '/oauth/register',
      json(good, { 'content-type': 'Application/JSON; charset=utf-8' }),
    )
    expect(second.status).toBe(201)
    expect(await second.json()).toEqual(await first.json())
  })

  test('says what is wrong', async () => {
    const refusal = async (init: Parameters<HttpKit['send']>[1]) => {
      const response = await kit.send('/oauth/register', init)
      return [response.status, ((await response.json()) as { error: string }).error]
    }
    expect(await refusal(json({}))).toEqual([400, 'invalid_redirect_uri'])
    expect(await refusal(json({ redirect_uris: ['http://evil.example/'] }))).toEqual([
      400,
      'invalid_redirect_uri',
    ])
    expect(await refusal(json([]))).toEqual([400, 'invalid_client_metadata'])
    expect(await refusal({ ...json({}), body: '{' })).toEqual([400, 'invalid_client_metadata'])
    expect(await refusal({ ...json(good), headers: {} })).toEqual([400, 'invalid_client_metadata'])
    expect(await refusal(json({ ...good, x: 'x'.repeat(70_000) }))).toEqual([
      413,
      'invalid_request',
    ])
  })
})

test('a body that comes in drops is read no further than the cap', async () => {
  let drops = 0
  const body = new ReadableStream({
    pull(controller) {
      drops++
      controller.enqueue(new Uint8Array(8_192).fill(0x20))
      if (drops === 1_000) controller.close()
    },
  })
  const headers = { 'content-type': 'application/json' }
  expect((await kit.send('/oauth/register', { method: 'POST', headers, body })).status).toBe(413)
  expect(drops).toBeLessThan(20)
})

describe('the token endpoint', () => {
  test('turns a code into tokens', async () => {
    const client = kit.flow.client()
    const login = await kit.flow.login(client)
    const response = await kit.send(
      '/oauth/token',
      form({
        grant_type: 'authorization_code',
        client_id: client.id,
        code: login.code,
        code_verifier: login.verifier,
        redirect_uri: client.redirectUris[0] ?? '',
      }),
    )
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toStartWith('application/json')
    expectNotStored(response)
    expect(await response.json()).toMatchObject({ token_type: 'Bearer' })
  })

  test('answers an unknown client with 401 invalid_client, so that it registers anew', async () => {
    const fields = { grant_type: 'refresh_token', client_id: 'client_gone', refresh_token: 'x' }
    const response = await kit.send('/oauth/token', form(fields))
    expect(response.status).toBe(401)
    expectNotStored(response)
    expect(response.headers.has('www-authenticate')).toBe(false)
    expect(await response.json()).toMatchObject({ error: 'invalid_client' })
    const basic = await kit.send('/oauth/token', form(fields, { authorization: 'Basic eDp5' }))
    expect(basic.headers.get('www-authenticate')).toStartWith('Basic ')
  })

  test('takes forms only, and of a bounded size', async () => {
    const fields = { grant_type: 'refresh_token' }
    for (const init of [
      json(fields),
      form(fields, { 'content-type': 'text/plain' }),
      form(fields, { 'content-type': '' }),
    ]) {
      const response = await kit.send('/oauth/token', init)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    }
    const charset = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }
    expect(
      await (await kit.send('/oauth/token', form({ grant_type: 'x' }, charset))).json(),
    ).toMatchObject({
      error: 'unsupported_grant_type',
    })
    const huge = await kit.send('/oauth/token', form({ ...fields, x: 'x'.repeat(70_000) }))
    expect(huge.status).toBe(413)
    expect(await huge.json()).toMatchObject({ error: 'invalid_request' })
  })

  test('reads no parameter from the query', async () => {
    const response = await kit.send('/oauth/token?grant_type=refresh_token', form({}))
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
  })

  test('counts and logs refusals by code, without what was sent', async () => {
    const secret = 'fjrt_a_secret_that_was_sent'
    await kit.send(
      '/oauth/token',
      form({ grant_type: 'refresh_token', client_id: kit.flow.client().id, refresh_token: secret }),
    )
    expect(await kit.deps.metrics.registry.metrics()).toContain(
      'fjmcp_oauth_refusals_total{code="invalid_grant"} 1',
    )
    expect(kit.lines).not.toEqual([])
    expect(JSON.stringify(kit.lines)).not.toContain(secret)
  })
})

describe('revocation', () => {
  test('ends the family of a token with 200, and of an unknown token too', async () => {
    const client = kit.flow.client()
    const { access_token, refresh_token } = await kit.flow.connect(client)
    for (const token of [refresh_token, 'unknown']) {
      const response = await kit.send('/oauth/revoke', form({ token, client_id: client.id }))
      expect(response.status).toBe(200)
      expectNotStored(response)
      expect(await response.text()).toBe('')
    }
    expect(kit.flow.verifier.verify(access_token).ok).toBe(false)
  })
})
