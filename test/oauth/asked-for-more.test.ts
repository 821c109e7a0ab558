import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Client } from '../../src/oauth/clients.ts'
import type { Caller } from '../../src/store/families.ts'
import { consentOf, createKit, type FlowKit, locationOf } from './flow-kit.ts'

let kit: FlowKit
let client: Client
let browser: string
let caller: Caller

/** A login that may read, whose client was just refused a write. */
beforeEach(async () => {
  kit = createKit()
  client = kit.client()
  const login = await kit.login(client, { scope: 'read:user read:repository read:issue' })
  browser = login.browser
  const verified = kit.verifier.verify((await kit.redeem(client, login)).access_token)
  if (!verified.ok) throw new Error(verified.error)
  caller = verified.value
  expect(refuse()).toBe('challenge')
})
afterEach(() => kit.close())

const refuse = () =>
  kit.stepUps.refused(caller, { reason: '', missing: ['write:issue'], open: true })

const ask = async (cookie: string | undefined, choice?: string) =>
  consentOf(await kit.authorization.begin(kit.query(client), cookie, choice)).view

const levels = ({ choice }: Awaited<ReturnType<typeof ask>>) =>
  choice.areas.map(({ area, level }) => `${area} ${level}`)

test('what it had and what it lacked is marked, whatever was chosen before', async () => {
  for (const choice of [undefined, 'read', 'repository-n.issue-n.user-r.']) {
    const view = await ask(browser, choice)
    expect(view.marked).toBe('needed')
    expect(levels(view).sort()).toEqual(['issue write', 'repository read', 'user read'])
  }
})

test('it is marked once more when the person chose nothing', async () => {
  const { ticket } = await ask(browser)
  const form = new URLSearchParams({ ticket, decision: 'allow', access: 'areas' })
  const { view } = consentOf(await kit.authorization.decide(form, browser, 'read'))
  expect(view).toMatchObject({ problem: 'nothing', marked: 'needed' })
  expect(levels(view).sort()).toEqual(['issue write', 'repository read', 'user read'])
})

test('a request that does not offer what it lacked is asked about as ever', async () => {
  const query = kit.query(client, { scope: 'read:repository read:issue' })
  const { view } = consentOf(await kit.authorization.begin(query, browser))
  expect(view.marked).toBe('all')
  const form = new URLSearchParams({ ticket: view.ticket, decision: 'allow', access: 'areas' })
  form.set('area.issue', 'read')
  const sent = await kit.authorization.decide(form, browser)
  expect(sent).toMatchObject({ kind: 'redirect', remember: 'repository-n.issue-r.' })
})

test('another browser, or another client, has nothing of it', async () => {
  expect((await ask(undefined)).marked).toBe('all')
  expect((await ask(undefined, 'read')).marked).toBe('recalled')
  client = kit.client('Another')
  expect((await ask(browser, 'read')).marked).toBe('recalled')
})

test('after the login the page is as ever', async () => {
  locationOf(await kit.comeBack(await kit.toForgejo(client, {}, browser)))
  expect((await ask(browser)).marked).toBe('all')
})

test('a no on our page counts', async () => {
  const { ticket } = await ask(browser)
  const form = new URLSearchParams({ ticket, decision: 'deny' })
  locationOf(await kit.authorization.decide(form, browser))
  expect(refuse()).toBe('plain')
})

test('a no at Forgejo counts', async () => {
  const way = await kit.toForgejo(client, {}, browser)
  locationOf(await kit.comeBack(way, { error: 'access_denied' }))
  expect(refuse()).toBe('plain')
})

test('a login that failed is no answer', async () => {
  const way = await kit.toForgejo(client, {}, browser)
  locationOf(await kit.comeBack(way, { error: 'temporarily_unavailable' }))
  expect(refuse()).toBe('challenge')
})

test('who else signs in there with the same client neither sees it nor answers for it', async () => {
  kit.forgejo.user = { sub: '2', login: 'bob' }
  locationOf(await kit.comeBack(await kit.toForgejo(client, {}, browser)))
  expect((await ask(browser)).marked).toBe('all')
  expect(refuse()).toBe('challenge')
  const { marked, ticket } = await ask(browser)
  expect(marked).toBe('all')
  const form = new URLSearchParams({ ticket, decision: 'deny' })
  locationOf(await kit.authorization.decide(form, browser))
  expect(refuse()).toBe('challenge')
})
