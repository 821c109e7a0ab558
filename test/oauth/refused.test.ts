import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS } from '../../src/clock.ts'
import type { Client } from '../../src/oauth/clients.ts'
import { createKit, type FlowKit, refusal } from './flow-kit.ts'

let kit: FlowKit
let client: Client
beforeEach(() => {
  kit = createKit()
  client = kit.client()
})
afterEach(() => kit.close())

describe('a client that is turned away although its login goes on', () => {
  test('finds why in the history, once an hour however often it asks', async () => {
    const { refresh_token } = await kit.connect(client)
    kit.forgejo.credential = { kind: 'dead', reason: 'expired' }
    for (let count = 0; count < 3; count += 1)
      expect(await refusal(kit.refresh(client, refresh_token))).toBe('invalid_grant')
    const why = 'the account must log in to Forgejo again: expired'
    expect(kit.audited('token.refused')).toEqual([why])
    await kit.clock.advance(HOUR_MS)
    await refusal(kit.refresh(client, refresh_token))
    expect(kit.audited('token.refused')).toEqual([why, why])
    const [row] = kit.store.audit.list({ event: 'token.refused', limit: 1 })
    expect(row).toMatchObject({ accountId: 'account_1', clientId: client.id })
  })

  test('is named with its login when it presents a token of a user who is not let in any more', async () => {
    const { access_token } = await kit.connect(client)
    kit.config.allowedUsers = ['bob']
    for (let count = 0; count < 3; count += 1) kit.verifier.verify(access_token)
    expect(kit.audited('token.refused')).toEqual(['the operator does not let this user in'])
  })

  test('leaves no such trace once the login is over, or was never one', async () => {
    const { refresh_token } = await kit.connect(client)
    const grant = kit.store.grants.list({ clientId: client.id })[0]
    kit.revocation.revokeGrant(grant?.id ?? '', 'test')
    await refusal(kit.refresh(client, refresh_token))
    await refusal(kit.refresh(client, 'fjrt_unknown'))
    expect(kit.audited('token.refused')).toEqual([])
  })
})
