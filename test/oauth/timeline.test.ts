import { describe, expect, test } from 'bun:test'
import { lastEnd, lastFailure, timeline } from '../../src/oauth/timeline.ts'
import type { AuditRow } from '../../src/store/audit.ts'

/** Audit rows, newest first: the first is at 1000, each next one a millisecond earlier. */
const rows = (...events: (string | [string, string])[]): AuditRow[] =>
  events.map((each, index) => {
    const [event, reason = null] = typeof each === 'string' ? [each] : each
    const about = { accountId: 'a', clientId: 'c', familyId: null, sessionHash: null }
    return { id: 1000 - index, at: 1000 - index, event, reason, ...about }
  })

describe('a timeline', () => {
  test('tells what happened, newest first, and leaves out what is for operators', () => {
    const lines = timeline(
      rows('grant.changed', 'token.issued', 'login.completed', 'of.tomorrow'),
      9,
    )
    expect(lines.map(({ at, happened }) => [at, happened[0]?.event])).toEqual([
      [1000, 'grant.changed'],
      [998, 'login.completed'],
    ])
  })

  test('gathers a run of everyday things in one line', () => {
    const everyday = ['session.woke', 'token.refreshed', 'session.slept', 'token.refreshed']
    expect(timeline(rows(...everyday, 'login.completed'), 9)[0]).toEqual({
      at: 1000,
      since: 997,
      failure: false,
      happened: [
        { event: 'session.woke', reason: null, times: 1 },
        { event: 'token.refreshed', reason: null, times: 2 },
        { event: 'session.slept', reason: null, times: 1 },
      ],
    })
  })

  test('gathers the same failure, and keeps different ones apart', () => {
    const x: [string, string] = ['scope.refused', 'x']
    const lines = timeline(rows(x, x, ['scope.refused', 'y'], 'session.woke', x), 9)
    expect(lines.map(({ failure, happened }) => [failure, happened[0]?.times])).toEqual([
      [true, 2],
      [true, 1],
      [false, 1],
      [true, 1],
    ])
  })

  test('has no more lines than asked for', () => {
    const many = Array.from(
      { length: 50 },
      (_, at) => ['grant.changed', `${at}`] as [string, string],
    )
    expect(timeline(rows(...many), 10)).toHaveLength(10)
  })
})

describe('the last failure', () => {
  test('is the newest, and over once the client has worked again', () => {
    const died: [string, string] = ['vault.died', 'expired']
    expect(lastFailure(rows(died, 'login.failed'))).toMatchObject({
      event: 'vault.died',
      over: false,
    })
    expect(lastFailure(rows('token.refreshed', died))).toMatchObject({ at: 999, over: true })
    expect(lastFailure(rows('session.slept', died))).toMatchObject({ over: false })
    expect(lastFailure(rows('login.completed'))).toBeUndefined()
  })

  test('says nothing of why a login ended; that is told by itself', () => {
    const ended: [string, string] = ['family.revoked', 'revoked by the client']
    expect(lastFailure(rows(ended))).toBeUndefined()
    expect(lastEnd(rows('session.ended', ended))).toBe('revoked by the client')
    expect(lastEnd(rows('session.ended'))).toBeUndefined()
  })
})
