import { afterEach, beforeEach, expect, test } from 'bun:test'
import { MINUTE_MS } from '../../src/clock.ts'
import { randomToken } from '../../src/crypto.ts'
import type { Client } from '../../src/oauth/clients.ts'
import { consentOf, createKit, type FlowKit, ISSUER, locationOf, pageOf } from './flow-kit.ts'

let kit: FlowKit
let client: Client
let ticket: string
let browser: string

beforeEach(async () => {
  kit = createKit()
  client = kit.client()
  const asked = consentOf(await kit.authorization.begin(kit.query(client), undefined))
  ticket = asked.view.ticket
  browser = asked.browser
})
afterEach(() => kit.close())

const decide = (fields: Record<string, string>, cookie = browser) =>
  kit.authorization.decide(new URLSearchParams(fields), cookie === '' ? undefined : cookie)

test('yes leads to Forgejo, under a state that is not the ticket', async () => {
  const location = locationOf(await decide({ ticket, decision: 'allow' }))
  expect(location.origin).toBe('https://forge.example')
  expect(location.searchParams.get('state')).toMatch(/^[\w-]{43}$/)
  expect(location.searchParams.get('state')).not.toBe(ticket)
  expect(kit.audited('login.started')).toHaveLength(1)
})

test('no leads back to the client with access_denied', async () => {
  const location = locationOf(await decide({ ticket, decision: 'deny' }))
  expect(location.origin).toBe('https://app.example')
  expect(Object.fromEntries(location.searchParams)).toMatchObject({
    error: 'access_denied',
    state: 'client-state',
    iss: ISSUER,
  })
  expect(kit.audited('login.denied')).toEqual(['on the consent page'])
})

test.each(['allow', 'deny'])(
  'a ticket is good once, whatever was decided first (%s)',
  async (first) => {
    locationOf(await decide({ ticket, decision: first }))
    expect(pageOf(await decide({ ticket, decision: 'allow' })).status).toBe(400)
    expect(pageOf(await decide({ ticket, decision: 'deny' })).status).toBe(400)
  },
)

test('another browser cannot decide, and does not spoil it for the right one', async () => {
  expect(pageOf(await decide({ ticket, decision: 'allow' }, randomToken())).status).toBe(403)
  expect(pageOf(await decide({ ticket, decision: 'deny' }, '')).status).toBe(403)
  expect(kit.audited('login.failed')).toEqual([
    'the consent came from another browser than the request',
    'the consent came from another browser than the request',
  ])
  locationOf(await decide({ ticket, decision: 'allow' }))
})

test('the page waits half an hour and no longer', async () => {
  await kit.clock.advance(30 * MINUTE_MS - 1)
  const other = consentOf(await kit.authorization.begin(kit.query(client), browser))
  locationOf(await decide({ ticket, decision: 'deny' }))
  await kit.clock.advance(30 * MINUTE_MS)
  expect(pageOf(await decide({ ticket: other.view.ticket, decision: 'allow' })).status).toBe(400)
})

test.each([{}, { decision: '' }, { decision: 'maybe' }])(
  'no clear decision uses nothing up (%p)',
  async (fields) => {
    expect(pageOf(await decide({ ticket, ...fields })).status).toBe(400)
    locationOf(await decide({ ticket, decision: 'allow' }))
  },
)

test('two decisions at once are none', async () => {
  const form = new URLSearchParams({ ticket, decision: 'deny' })
  form.append('decision', 'allow')
  pageOf(await kit.authorization.decide(form, browser))
  locationOf(await decide({ ticket, decision: 'allow' }))
})

test('a form without a ticket, or with one that nobody was given, is a page', async () => {
  pageOf(await decide({ decision: 'allow' }))
  pageOf(await decide({ ticket: randomToken(), decision: 'allow' }))
})

test('the state that Forgejo is given cannot be used as a ticket', async () => {
  const location = locationOf(await decide({ ticket, decision: 'allow' }))
  const state = location.searchParams.get('state') ?? ''
  pageOf(await decide({ ticket: state, decision: 'allow' }))
})

test('an answer that chooses nothing is asked for again, with the last choice marked', async () => {
  const form = new URLSearchParams({ ticket, decision: 'allow', access: 'areas' })
  const { view } = consentOf(await kit.authorization.decide(form, browser, 'read'))
  expect(view).toMatchObject({ problem: 'nothing', marked: 'recalled', choice: { access: 'read' } })
  locationOf(await decide({ ticket: view.ticket, decision: 'allow' }))
})
