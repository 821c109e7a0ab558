import { expect, test } from 'bun:test'
import { createHttpKit } from './kit.ts'

test('a login that ends while its request comes in is refused like one that ended before', async () => {
  let asked = 0
  const refuse = async () => {
    asked += 1
    return { ok: false, error: { kind: 'later', reason: 'not here' } }
  }
  const registry = { initialize: refuse, find: refuse, modern: { request: refuse } } as never
  const kit = createHttpKit({ deps: { registry } })
  const { access_token } = await kit.flow.connect(kit.flow.client())
  const rest = Promise.withResolvers<void>()
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'slow', version: '1' },
    },
  }
  const bytes = new TextEncoder().encode(JSON.stringify(initialize))
  const begun = Promise.withResolvers<void>()
  const body = new ReadableStream({
    async pull(controller) {
      controller.enqueue(bytes.slice(0, 10))
      begun.resolve()
      await rest.promise
      controller.enqueue(bytes.slice(10))
      controller.close()
    },
  })
  const headers = {
    authorization: `Bearer ${access_token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const answer = kit.send('/mcp', { method: 'POST', body, headers })
  await begun.promise
  const caller = kit.flow.verifier.verify(access_token)
  if (!caller.ok) throw new Error('the token was no good to begin with')
  kit.flow.revocation.revokeFamily(caller.value.familyId, 'test')
  rest.resolve()
  expect((await answer).status).toBe(401)
  expect(asked).toBe(0)
  kit.close()
})
