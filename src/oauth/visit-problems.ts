import type { Problem } from './outcome.ts'

// Pages for people who wanted to see their connections and could not sign in.

const again = { href: '/connections', label: 'Try again' }

/** A return from Forgejo that belongs to no sign-in, or to one that is over. */
export const lostVisit: Problem = {
  status: 400,
  title: 'This sign-in is over',
  text: 'It took too long, was used already, or never began here.',
  link: again,
}

/** A return from Forgejo in another browser than the one that began. */
export const otherBrowserVisit: Problem = {
  status: 403,
  title: 'This sign-in began in another browser',
  text: 'You were not signed in. Cookies must be allowed for this page.',
  link: again,
}

/** Forgejo's user said no there. */
export const visitDenied: Problem = {
  status: 403,
  title: 'You were not signed in',
  text: 'At Forgejo you did not let this server know who you are, so it has nothing to show.',
  link: again,
}

/** Forgejo shows its user a page instead of answering: suspended, or the password must be changed. */
export const blockedAccount = (forgejoUrl: string): Problem => ({
  status: 403,
  title: 'Forgejo wants something of you first',
  text: 'Your account is suspended, not yet activated, or must change its password.',
  advice: 'Sign in at Forgejo, do what it says, and come back.',
  link: { href: forgejoUrl, label: 'Forgejo' },
})

/** A user that the operator does not let in. */
export const notAllowedHere = (login: string): Problem => ({
  status: 403,
  title: `${login} may not use this server`,
  text: 'The operator lets certain users in only.',
  advice: 'Ask the operator, or sign in to Forgejo as another user.',
  link: again,
})

/** A sign-in that did not come through, by who can mend it. */
export function visitFailed(who: 'again' | 'later' | 'operator'): Problem {
  switch (who) {
    case 'again':
      return {
        status: 403,
        title: 'The sign-in did not come through',
        text: 'Forgejo did not accept it.',
        link: again,
      }
    case 'later':
      return {
        status: 503,
        title: 'Forgejo cannot be reached now',
        text: 'You were not signed in. Your connections are as they were.',
        advice: 'Wait a minute, then try again.',
        link: again,
      }
    case 'operator':
      return {
        status: 500,
        title: 'This server is not set up for Forgejo',
        text: 'Forgejo refuses the server itself, not you.',
        advice: 'Tell whoever runs this server.',
        link: again,
      }
  }
}
