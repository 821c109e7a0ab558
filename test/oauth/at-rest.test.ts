import { afterEach, expect, test } from 'bun:test'
import { DAY_MS } from '../../src/clock.ts'
import { createKit, type FlowKit } from './flow-kit.ts'

let kit: FlowKit
afterEach(() => kit.close())

test('no token, code, ticket, state, cookie or verifier that was used stands in the database file', async () => {
  kit = createKit()
  const client = kit.client()
  const waiting = await kit.toForgejo(client)
  const tokens = await kit.connect(client)
  const next = await kit.refresh(client, tokens.refresh_token)
  await kit.clock.advance(DAY_MS)
  await kit.refresh(client, tokens.refresh_token)
  kit.verifier.verify(next.access_token)
  await kit.login(client)

  const bytes = kit.bytesOnDisk()
  expect(bytes.includes(client.id)).toBe(true)
  expect(kit.secrets).toContain(waiting.upstreamState)
  expect(kit.secrets.length).toBeGreaterThan(15)
  for (const secret of kit.secrets) expect(bytes.includes(secret)).toBe(false)
  expect(bytes.toString('latin1')).not.toMatch(/fj(?:at|rt|co)_/)
})
