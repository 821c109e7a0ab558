import { describe, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { eventWords, shortScopes } from '../../src/http/timeline-words.ts'
import { accountTrouble, connectionTrouble } from '../../src/http/trouble-words.ts'
import { ago, timeTag } from '../../src/http/when.ts'
import type { Connection, ConnectionsView } from '../../src/oauth/connections.ts'
import { isTold, type ToldEvent } from '../../src/oauth/timeline.ts'
import { AUDIT_EVENTS } from '../../src/store/audit-events.ts'

const words = (event: ToldEvent, reason: string | null = null, times = 1) =>
  eventWords({ event, reason, times })

describe('a history in words', () => {
  test('names scopes as the consent page does', () => {
    expect(words('login.completed', 'read:user write:issue')).toBe(
      'You connected it: Your account (read), Issues (read and write)',
    )
    expect(words('scope.refused', 'create_issue needs write:issue')).toBe(
      'It was refused: create_issue needs Issues (read and write)',
    )
    expect(shortScopes('all public-only')).toBe('everything, public data only')
  })

  test.each(AUDIT_EVENTS.filter(isTold))('has words of its own for %s', (event) => {
    expect(words(event, 'x')).toMatch(/^[A-Z].* .*[^.]$/)
    expect(words(event, 'x')).not.toContain(event)
  })

  test('counts what happened more than once', () => {
    expect(words('token.refreshed', null, 3)).toBe('It renewed its access 3 times')
  })

  test('says that work broke off, and how', () => {
    expect(words('child.crashed', 'was killed by SIGKILL')).toBe(
      'Its work broke off: forgejo-mcp was killed by SIGKILL',
    )
  })

  test('says why access to Forgejo ended without the words of a protocol', () => {
    expect(words('vault.died', 'expired: token refresh answered invalid_grant')).toBe(
      'Access to Forgejo ended. Nobody has used it for too long, and Forgejo let it run out',
    )
  })
})

const VIEW: ConnectionsView = {
  connections: [],
  more: false,
  credential: { kind: 'ready', token: 'x', generation: 1, expiresAt: 1 },
  missingScopes: [],
}

describe('trouble of an account', () => {
  const trouble = (change: Partial<ConnectionsView>) =>
    accountTrouble({ ...VIEW, ...change }, 'forge.example')

  test('is none when all is well, or when a token is merely due', () => {
    expect(trouble({})).toBeUndefined()
    const due = { kind: 'later', retryAfterMs: 0, reason: 'ended', operator: false } as const
    expect(trouble({ credential: due })).toBeUndefined()
  })

  test.each(['revoked', 'superseded', 'expired', 'lost', 'key-changed'] as const)(
    'is told with what to do about it: %s',
    (reason) => {
      const told = trouble({ credential: { kind: 'dead', reason } })
      expect(told?.text).toMatch(/^[A-Z].*\.$/)
      expect(told?.text).not.toContain('Forgejo said')
      expect(told?.advice).toContain('sign in again')
    },
  )

  test('is somebody else’s to mend when the operator’s or Forgejo’s', () => {
    const later = { kind: 'later', retryAfterMs: 9, reason: 'down', operator: false } as const
    expect(trouble({ credential: later })?.advice).toContain('nothing to do')
    expect(trouble({ credential: { ...later, operator: true } })?.advice).toContain('Tell whoever')
    expect(trouble({ missingScopes: ['write:issue'] })?.advice).toContain('Applications')
  })
})

describe('trouble of a connection', () => {
  const CONNECTION: Connection = {
    id: 'grant_1',
    clientName: 'App',
    places: [],
    connectedAt: 0,
    lastUsedAt: undefined,
    logins: 1,
    choice: { access: 'read', areas: [], always: [] },
    awake: 0,
    asleep: 0,
    failure: undefined,
    ended: undefined,
    moments: [],
  }
  const failure = (event: ToldEvent, over = false) => ({ event, reason: 'x', at: 1, over })

  test.each([
    'login.failed',
    'token.refused',
    'token.reused',
    'code.reused',
    'account.ended',
    'session.wake-failed',
    'session.foreign',
    'state.refused',
    'child.start-failed',
    'breaker.opened',
    'scope.refused',
    'vault.died',
  ] as const)('says what went wrong and what to do: %s', (event) => {
    const told = connectionTrouble({ ...CONNECTION, failure: failure(event) })
    expect(told?.title).toMatch(/^[A-Z]/)
    for (const sentence of [told?.text, told?.advice]) expect(sentence).toMatch(/^[A-Z].*\.$/)
    const past = connectionTrouble({ ...CONNECTION, failure: failure(event, true) })
    expect(past).toMatchObject({ over: true, title: told?.title ?? '' })
  })

  test('that has no login any more says why, and how to get one', () => {
    const out = (change: Partial<Connection>) =>
      connectionTrouble({ ...CONNECTION, logins: 0, ...change })
    expect(out({})?.text).toContain('ran out')
    expect(out({ ended: 'revoked by the client' })?.text).toBe('It signed itself out.')
    expect(out({ failure: failure('token.reused') })?.text).toContain('used once more')
    expect(out({ failure: failure('scope.refused') })?.text).toContain('ran out')
    expect(out({})?.advice).toContain('Connect it again')
  })

  test('is none when nothing went wrong', () => {
    expect(connectionTrouble(CONNECTION)).toBeUndefined()
  })
})

test('times are told as how long ago, with the exact one for whoever asks', () => {
  const now = Date.UTC(2026, 6, 30, 12)
  for (const [past, text] of [
    [-5, 'just now'],
    [59_999, 'just now'],
    [MINUTE_MS, '1 minute ago'],
    [59 * MINUTE_MS, '59 minutes ago'],
    [23 * HOUR_MS, '23 hours ago'],
    [13 * DAY_MS, '13 days ago'],
    [14 * DAY_MS, '16 Jul 2026'],
  ] as const)
    expect(ago(now, now - past)).toBe(text)
  expect(timeTag(now, now).html).toBe(
    '<time datetime="2026-07-30T12:00:00.000Z" title="2026-07-30 12:00 UTC">just now</time>',
  )
})
