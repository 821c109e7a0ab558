import { afterEach, expect, test } from 'bun:test'
import { openAccess } from '../../src/cli/access.ts'
import { MINUTE_MS } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { err, ok } from '../../src/result.ts'
import { createVaultKit, type VaultKit } from '../oauth/vault-kit.ts'

let kit: VaultKit
afterEach(() => kit.close())

test('a Forgejo that is down at the start is asked for its base until it answers, and then no more', async () => {
  kit = createVaultKit()
  const { clock, store, vault } = kit
  const warned: string[] = []
  let asked = 0
  let up = false
  await using opened = new AsyncDisposableStack()
  openAccess({
    config: { childCredential: 'token', forgejoUrl: 'https://forge.example' } as never,
    store,
    upstream: {
      discovery: async () => {
        asked++
        if (!up) return err({ kind: 'later', detail: 'connection refused' })
        return ok({ issuer: 'https://other.example' })
      },
    } as never,
    vault,
    clock,
    log: { ...silentLog, warn: (event) => void warned.push(event) },
    metrics: createMetrics(),
    opened,
  })
  await clock.advance(2 * MINUTE_MS)
  expect(warned).toEqual(['Forgejo does not answer yet'])
  up = true
  await clock.advance(MINUTE_MS)
  expect(warned).toEqual([
    'Forgejo does not answer yet',
    "Forgejo's ROOT_URL is another than --forgejo-url",
  ])
  const before = asked
  await clock.advance(10 * MINUTE_MS)
  expect(asked).toBe(before)
  expect(clock.pending).toBe(0)
})
