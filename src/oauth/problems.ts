import type { ClientRefusal } from './clients.ts'
import type { Problem } from './outcome.ts'

// Pages for people, shown where a redirect to the client would not be safe or would not help.

const AGAIN = 'Go back to the app and connect it once more.'

/** A request that does not even name a client and a place to go back to. */
export const malformed = (text: string): Problem => ({
  status: 400,
  title: 'This link is not complete',
  text,
  advice: 'If an app opened this page, the app or its settings are at fault. Tell its makers.',
})

/** A `client_id` that leads nowhere. Some apps keep a dead one for good, so the page says how to make them forget it. */
export function clientProblem(refusal: ClientRefusal): Problem {
  switch (refusal) {
    case 'unknown':
      return {
        status: 400,
        title: 'This server does not know the app',
        text: 'The app came with a registration that this server does not have (any more).',
        advice: 'In the app, remove this server and add it again, so that the app registers anew.',
      }
    case 'revoked':
      return {
        status: 403,
        title: 'The app is locked out',
        text: 'The operator of this server has revoked the app.',
        advice: 'In the app, remove this server and add it again, or ask the operator.',
      }
    case 'unreachable':
      return {
        status: 503,
        title: 'The app cannot be checked now',
        text: 'The page on which the app describes itself cannot be fetched.',
        advice: `Wait a minute. ${AGAIN}`,
      }
    case 'invalid':
      return {
        status: 400,
        title: 'The app describes itself wrongly',
        text: 'The page on which the app describes itself is not a usable client metadata document.',
        advice: 'Tell the makers of the app.',
      }
  }
}

/** A redirect URI that the client never registered: the one place we must not send the browser to. */
export const foreignRedirect: Problem = {
  status: 400,
  title: 'The app wants to be called back at a place it never registered',
  text: 'Nothing was sent there.',
  advice: 'In the app, remove this server and add it again, so that the app registers anew.',
}

/** A form or a callback that belongs to no login, or to one that is over. */
export const lostLogin: Problem = {
  status: 400,
  title: 'This login is over',
  text: 'It took too long, was used already, or never began here.',
  advice: AGAIN,
}

/** A form or a callback in another browser than the one that began: somebody else's login, perhaps. */
export const otherBrowser: Problem = {
  status: 403,
  title: 'This login began in another browser',
  text: 'Nothing was connected. If somebody sent you here, they may have wanted access to your account.',
  advice:
    'To connect an app of your own, begin in that app. Cookies must be allowed for this page.',
}

export const unclearDecision: Problem = {
  status: 400,
  title: 'That was neither yes nor no',
  text: 'The form came without a decision.',
  advice: AGAIN,
}

const applications = (forgejoUrl: string) => ({
  href: `${forgejoUrl}/user/settings/applications`,
  label: 'Applications at Forgejo',
})

/** Forgejo keeps the scope of an earlier authorization, and only its user can take that away. */
export const staleScopes = (forgejoUrl: string, missing: readonly string[] = []): Problem => ({
  status: 403,
  title: 'Forgejo remembers an older authorization',
  text:
    missing.length === 0
      ? 'You authorized this server at Forgejo before, for other permissions, and Forgejo does not change them.'
      : `You authorized this server at Forgejo before, without ${missing.join(', ')}, and Forgejo does not add to it.`,
  advice: `Revoke this server's application there. ${AGAIN}`,
  link: applications(forgejoUrl),
})

/** Forgejo shows its user a page instead of answering: suspended, or the password must be changed. */
export const blockedAccount = (forgejoUrl: string): Problem => ({
  status: 403,
  title: 'Forgejo wants something of you first',
  text: 'Your account is suspended, not yet activated, or must change its password.',
  advice: `Sign in at Forgejo and do what it says. ${AGAIN}`,
  link: { href: forgejoUrl, label: 'Forgejo' },
})

/** A user that the operator does not let in; `back` tells the waiting client so. */
export const notAllowed = (login: string, back: string): Problem => ({
  status: 403,
  title: `${login} may not use this server`,
  text: 'The operator lets certain users in only. Nothing was connected.',
  advice: 'Ask the operator, or sign in to Forgejo as another user and connect the app once more.',
  link: { href: back, label: 'Back to the app' },
})
