import type { Connection, ConnectionsView } from '../oauth/connections.ts'
import type { Failure } from '../oauth/timeline.ts'
import { deadWords, inWords } from './timeline-words.ts'

/** What is wrong, and what to do about it, each in a sentence or two. */
export interface Trouble {
  title: string
  text: string
  advice: string
  /** Past trouble, which is told and needs nothing. */
  over?: boolean
}

const RECONNECT = 'Connect it again from the app: it will ask you to sign in.'

/** What stands in the way of every connection of an account; undefined when nothing does. */
export function accountTrouble(
  { credential, missingScopes }: ConnectionsView,
  forgejo: string,
): Trouble | undefined {
  if (credential.kind === 'dead')
    return {
      title: 'The broker has no access to Forgejo in your name',
      text: deadWords(credential.reason),
      advice: 'Sign out here and sign in again: your connections then work as before.',
    }
  if (credential.kind === 'later' && credential.retryAfterMs > 0)
    return {
      title: credential.operator
        ? 'The broker is not set up for Forgejo'
        : 'Forgejo cannot be reached now',
      text: `What your apps do on ${forgejo} fails meanwhile; nothing is lost.`,
      advice: credential.operator
        ? 'Tell whoever runs this broker.'
        : 'There is nothing to do: the broker tries again by itself.',
    }
  if (missingScopes.length > 0)
    return {
      title: 'Forgejo remembers an older authorization',
      text: `You let this broker in earlier, without ${missingScopes.join(', ')}, and Forgejo does not add to it.`,
      advice: `Revoke this broker at ${forgejo} under Settings, Applications. Then sign in here again.`,
    }
  return undefined
}

/** What went wrong last with one connection; undefined when all is well. */
export function connectionTrouble(connection: Connection): Trouble | undefined {
  const { logins, failure } = connection
  if (logins === 0)
    return { title: 'It is signed out', text: signedOut(connection), advice: RECONNECT }
  if (!failure) return undefined
  const told = sentence(failure)
  if (!failure.over) return told
  return { ...told, advice: 'It has worked again since, so there is nothing to do.', over: true }
}

/** Why a connection has no login any more. */
function signedOut({ failure, ended }: Connection): string {
  if (failure && !failure.over && failure.event !== 'scope.refused') return sentence(failure).text
  if (ended === undefined) return 'It was not used for so long that its last login ran out.'
  return ended === 'revoked by the client' ? 'It signed itself out.' : `Its login ended: ${ended}.`
}

/** A failure in words. */
function sentence({ event, reason }: Failure): Trouble {
  const why = reason ?? 'nobody said why'
  switch (event) {
    case 'token.reused':
    case 'code.reused':
      return {
        title: 'One of its logins was ended for safety',
        text: 'A key that had been replaced was used once more. Either two copies of the app share one login, or somebody copied it.',
        advice: `${RECONNECT} If you do not know why, disconnect it first.`,
      }
    case 'scope.refused':
      return {
        title: 'It wanted to do more than it may',
        text: `It was refused: ${inWords(why)}.`,
        advice: 'If you want that, allow more below, or connect it again and choose more.',
      }
    case 'child.start-failed':
    case 'session.wake-failed':
      return {
        title: 'Its work could not be started',
        text: `The broker said: ${why}.`,
        advice: 'Try again in a minute. If it goes on, tell whoever runs this broker.',
      }
    case 'breaker.opened':
      return {
        title: 'Its work broke off again and again',
        text: `The broker said: ${why}.`,
        advice:
          'It starts again by itself within a minute. If it goes on, tell whoever runs this broker.',
      }
    case 'session.foreign':
      return {
        title: 'It asked for somebody else’s session',
        text: 'It got nothing. An app does that when two people share one installation of it.',
        advice: 'If you do not know why, disconnect it.',
      }
    case 'state.refused':
      return {
        title: 'It came back to a question that was not its own',
        text: 'It got nothing. What it brought along was altered, or belongs to something else.',
        advice: 'If you do not know why, disconnect it.',
      }
    case 'account.ended':
    case 'vault.died':
      return {
        title: 'Forgejo ended the broker’s access',
        text: event === 'vault.died' ? deadWords(why) : 'You took it away there.',
        advice: RECONNECT,
      }
    case 'login.failed':
      return { title: 'A login failed', text: `The reason: ${why}.`, advice: RECONNECT }
    default:
      return { title: 'It was turned away', text: `The reason: ${why}.`, advice: RECONNECT }
  }
}
