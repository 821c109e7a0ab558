import { expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
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
    scopes: [],
  })
  const refuse = (family = 'f', open = true) =>
    stepUps.refused(caller(family), { reason: 'delete_file needs write:repository', open })
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
