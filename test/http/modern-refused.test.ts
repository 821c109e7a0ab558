import { afterEach, expect, test } from 'bun:test'
import { createHttpKit, type HttpKit } from './kit.ts'

const VERSION = '2026-07-28'

const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'prompts/list',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': VERSION,
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
}

const full = { ok: false as const, error: { kind: 'full' as const, reason: 'no child is free' } }

let kit: HttpKit
afterEach(() => kit.close())

/** How a stateless request is answered when this is what the sessions say to it, and what it leaves behind. */
async function ask(request: () => Promise<typeof full>) {
  kit = createHttpKit({
    deps: {
      registry: {
        initialize: () => Promise.reject(new Error('not here')),
        find: () => ({ ok: false, error: 'not-found' }),
        end() {},
        modern: { request },
      },
    },
  })
  const { access_token } = await kit.flow.connect(kit.flow.client())
  const { clock } = kit.flow
  await clock.advance(1_000)
  const before = clock.pending
  const response = await kit.send('/mcp', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': CALL.method,
    },
    body: JSON.stringify(CALL),
  })
  await clock.advance(200)
  const after = clock.pending
  return { status: response.status, left: after - before }
}

test('a stateless request that is refused leaves nothing behind', async () => {
  expect(await ask(() => Promise.resolve(full))).toEqual({ status: 503, left: 0 })
})

test('neither does one at which we fail', async () => {
  expect(await ask(() => Promise.reject(new Error('broken')))).toEqual({ status: 500, left: 0 })
})
