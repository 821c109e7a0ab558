import { describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { hashToken } from '../../src/crypto.ts'
import { createStepUps } from '../../src/oauth/step-up.ts'
import type { AuditEvent } from '../../src/store/audit.ts'
import type { Caller } from '../../src/store/families.ts'
import { manualClock } from '../fixtures/clock.ts'

function setUp() {
  const clock = manualClock()
  const rows: AuditEvent[] = []
  const audit = { add: (_: number, event: AuditEvent) => void rows.push(event) }
  const stepUps = createStepUps({ store: { audit } as never, clock })
  const caller = (familyId: string): Caller => ({
    accountId: 'a',
    clientId: 'c',
    grantId: 'g',
    familyId,
    login: 'alice',
    scopes: ['read:repository', 'write:issue'],
  })
  const refuse = (family = 'f', open = true) =>
    stepUps.refused(caller(family), {
      reason: 'delete_file needs write:repository',
      missing: ['write:repository'],
      open,
    })
  return { clock, rows, stepUps, refuse }
}

test('a family that answers a challenge with a refresh is not challenged again; others are', () => {
  const { stepUps, refuse } = setUp()
  expect(refuse()).toBe('challenge')
  expect(refuse()).toBe('challenge')
  stepUps.refreshed('f')
  expect(refuse()).toBe('plain')
  expect(refuse('other')).toBe('challenge')
})

test('a refresh for its own sake is no answer', async () => {
  const { clock, stepUps, refuse } = setUp()
  stepUps.refreshed('f')
  expect(refuse()).toBe('challenge')
  await clock.advance(MINUTE_MS + 1)
  stepUps.refreshed('f')
  expect(refuse()).toBe('challenge')
})

test('a refusal that was no challenge has no answer', () => {
  const { stepUps, refuse } = setUp()
  expect(refuse('f', false)).toBe('plain')
  stepUps.refreshed('f')
  expect(refuse()).toBe('challenge')
})

test('each refusal is written down, but not without end', async () => {
  const { clock, rows, refuse } = setUp()
  for (let n = 0; n < 100; n++) refuse()
  expect(rows).toHaveLength(60)
  expect(rows[0]).toEqual({
    event: 'scope.refused',
    accountId: 'a',
    clientId: 'c',
    familyId: 'f',
    sessionHash: null,
    reason: 'delete_file needs write:repository',
  })
  await clock.advance(HOUR_MS)
  refuse()
  expect(rows).toHaveLength(61)
})

test('families beyond the cap are forgotten, the longest unheard of first', () => {
  const { stepUps, refuse } = setUp()
  refuse('first')
  stepUps.refreshed('first')
  for (let n = 0; n < 10_000; n++) refuse(`f${n}`)
  expect(refuse('first')).toBe('challenge')
})

const HERE = { clientId: 'c', browserHash: hashToken('a browser') }
const ELSEWHERE = { clientId: 'c', browserHash: hashToken('another browser') }
const LESS = ['read:repository', 'write:issue']
const MORE = ['write:repository', 'write:issue']

/** A family whose login was in the browser HERE, and that was just challenged. */
function setUpChallenged() {
  const it = setUp()
  it.stepUps.opened(HERE, { accountId: 'a', id: 'f', scopes: LESS })
  expect(it.refuse()).toBe('challenge')
  return it
}

test('the same client in the same browser comes for what it was told to ask for', async () => {
  const { clock, stepUps } = setUpChallenged()
  expect(stepUps.asked(HERE, MORE)).toEqual(['write:issue', 'write:repository'])
  expect(stepUps.asked(ELSEWHERE, MORE)).toBeUndefined()
  expect(stepUps.asked({ ...HERE, clientId: 'other' }, MORE)).toBeUndefined()
  await clock.advance(30 * MINUTE_MS + 1)
  expect(stepUps.asked(HERE, MORE)).toBeUndefined()
})

test('who was asked for more and gave it is as new', () => {
  const { stepUps, refuse } = setUpChallenged()
  stepUps.opened(HERE, { accountId: 'a', id: 'next', scopes: MORE })
  expect(stepUps.asked(HERE, MORE)).toBeUndefined()
  expect(refuse('next')).toBe('challenge')
})

test.each([
  ['gave less', 'next'],
  ['said no', 'f'],
])('who was asked for more and %s is not asked again for an hour', async (what, family) => {
  const { clock, stepUps, refuse } = setUpChallenged()
  if (what === 'said no') stepUps.declined(HERE, MORE)
  else stepUps.opened(HERE, { accountId: 'a', id: 'next', scopes: LESS })
  expect(stepUps.asked(HERE, MORE)).toBeUndefined()
  expect(refuse(family)).toBe('plain')
  expect(refuse('other')).toBe('challenge')
  await clock.advance(HOUR_MS)
  expect(refuse(family)).toBe('challenge')
})

test('what a challenge broke once stays unchallenged, whatever its person says then', async () => {
  const { clock, stepUps, refuse } = setUpChallenged()
  stepUps.refreshed('f')
  stepUps.declined(HERE, MORE)
  await clock.advance(HOUR_MS + MINUTE_MS)
  expect(refuse()).toBe('plain')
})

test('a “no” to a page that did not offer what was missing answers no challenge', () => {
  const { stepUps, refuse } = setUpChallenged()
  stepUps.declined(HERE, LESS)
  expect(stepUps.asked(HERE, MORE)).toBeDefined()
  expect(refuse()).toBe('challenge')
})

test('a login elsewhere, or long after, answers no challenge', async () => {
  const { clock, stepUps, refuse } = setUpChallenged()
  stepUps.opened(ELSEWHERE, { accountId: 'a', id: 'elsewhere', scopes: LESS })
  expect(refuse('elsewhere')).toBe('challenge')
  await clock.advance(30 * MINUTE_MS + 1)
  stepUps.opened(HERE, { accountId: 'a', id: 'later', scopes: LESS })
  expect(refuse('later')).toBe('challenge')
})

test('whoever asks for less than was missing does not come for that', () => {
  const { stepUps } = setUpChallenged()
  expect(stepUps.asked(HERE, LESS)).toBeUndefined()
  expect(stepUps.asked(HERE, ['write:repository'])).toEqual(['write:issue', 'write:repository'])
})

describe('two people who share a client and a browser', () => {
  const comesBob = (stepUps: ReturnType<typeof setUp>['stepUps']) =>
    stepUps.opened(HERE, { id: 'bob', accountId: 'b', scopes: LESS })

  test('do not answer each other’s challenges', () => {
    const { stepUps, refuse } = setUpChallenged()
    comesBob(stepUps)
    expect(refuse('bob')).toBe('challenge')
  })

  test('are not shown what the other’s app lacks once they have signed in', () => {
    const { stepUps, refuse } = setUpChallenged()
    comesBob(stepUps)
    expect(stepUps.asked(HERE, MORE)).toBeUndefined()
    expect(refuse()).toBe('challenge')
    expect(stepUps.asked(HERE, MORE)).toBeUndefined()
  })

  test('do not speak for each other once they have signed in', () => {
    const { stepUps, refuse } = setUpChallenged()
    comesBob(stepUps)
    expect(refuse()).toBe('challenge')
    stepUps.declined(HERE, MORE)
    expect(refuse()).toBe('challenge')
    stepUps.opened(HERE, { id: 'again', accountId: 'a', scopes: LESS })
    expect(refuse('again')).toBe('challenge')
    stepUps.declined(HERE, MORE)
    expect(refuse('again')).toBe('plain')
  })
})
