import type { DeadReason } from '../oauth/credential.ts'
import type { Happened, ToldEvent } from '../oauth/timeline.ts'
import { areaWords } from './scope-words.ts'

/** A set of scopes in a few words: `Repositories (read and write), Issues (read)`. */
export function shortScopes(text: string): string {
  const words = text.split(' ').filter((word) => word !== '')
  const shown = words.map((word) => {
    const [level, area] = word.split(':')
    if (area === undefined) return word === 'all' ? 'everything' : 'public data only'
    return `${areaWords(area).name} (${level === 'write' ? 'read and write' : 'read'})`
  })
  return shown.join(', ')
}

/** A reason with the scopes it names in words. */
export const inWords = (reason: string): string =>
  reason.replace(/\b(?:read|write):[a-z]+(?: (?:read|write):[a-z]+)*/g, shortScopes)

const times = (count: number): string => (count === 1 ? '' : ` ${count} times`)

const DEAD: Readonly<Record<DeadReason, string>> = {
  revoked: 'You revoked it under Settings, Applications at Forgejo.',
  superseded: 'Something else signed in with the same application and replaced its token.',
  expired: 'Nobody has used it for too long, and Forgejo let it run out.',
  lost: 'Its last renewal was lost on the way, and Forgejo takes each token only once.',
  'key-changed': 'The key that it was kept under is not the one this broker has now.',
}

/** Why there is no access to Forgejo, by the audit's reason: one of ours, perhaps with Forgejo's words behind it. */
export const deadWords = (reason: string): string =>
  DEAD[reason.split(':', 1)[0] as DeadReason] ?? `Forgejo said: ${reason}.`

/** What each event means to the person whose connection it is; `reason` is the audit's own word. */
const WORDS: Readonly<Record<ToldEvent, (reason: string) => string>> = {
  'login.completed': (reason) =>
    reason === '' ? 'You connected it' : `You connected it: ${shortScopes(reason)}`,
  'login.failed': (reason) => `A login failed: ${reason}`,
  'token.refreshed': () => 'It renewed its access',
  'token.refused': (reason) => `It was turned away: ${reason}`,
  'token.reused': () => 'A token that had been replaced was used again',
  'code.reused': () => 'A login’s code was used twice',
  'family.revoked': (reason) => `One of its logins ended: ${reason}`,
  'grant.revoked': () => 'It was disconnected',
  'grant.changed': (reason) => `You set what it may do: ${shortScopes(reason)}`,
  'account.ended': () => 'At Forgejo, this broker’s access was taken away',
  'session.created': () => 'It opened a session',
  'session.slept': () => 'A session fell asleep, as nothing used it',
  'session.woke': () => 'A session woke up',
  'session.ended': () => 'A session ended',
  'session.wake-failed': (reason) => `A session could not be woken: ${reason}`,
  'session.foreign': () => 'It asked for a session of somebody else and got nothing',
  'state.refused': () => 'It came back to a question that was not its own and got nothing',
  'child.start-failed': (reason) => `Its work could not be started: ${reason}`,
  'child.crashed': (reason) => `Its work broke off: forgejo-mcp ${reason}`,
  'breaker.opened': (reason) =>
    `Its work broke off too often and paused for half a minute: ${reason}`,
  'scope.refused': (reason) => `It was refused: ${inWords(reason)}`,
  'vault.renewed': () => 'Your access to Forgejo was renewed',
  'vault.healed': () => 'Access to Forgejo works again',
  'vault.died': (reason) => `Access to Forgejo ended. ${deadWords(reason).replace(/\.$/, '')}`,
}

/** One event of a timeline in words, without a full stop. */
export const eventWords = ({ event, reason, times: count }: Happened): string =>
  `${WORDS[event](reason ?? '')}${times(count)}`
