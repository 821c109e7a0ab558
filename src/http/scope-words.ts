/** One line of the consent page: an area of Forgejo, how far the client gets in it, and what that means. */
export interface ScopeLine {
  area: string
  level: 'read' | 'read and write'
  text: string
}

/** An area in words. */
export interface Area {
  name: string
  read: string
  write: string
}

/** Forgejo's scope areas in the order they are shown, the weightiest first. */
const AREAS: Readonly<Record<string, Area>> = {
  admin: {
    name: 'Site administration',
    read: 'See users, settings and jobs of the whole site, if you are an administrator.',
    write: 'Administer the whole site, if you are an administrator.',
  },
  repository: {
    name: 'Repositories',
    read: 'See your repositories, private ones too: files, branches, pull requests, releases.',
    write:
      'See and change all your repositories, private ones too: files, branches, pull requests, releases. Delete them.',
  },
  issue: {
    name: 'Issues',
    read: 'See issues, comments, labels, milestones and tracked time.',
    write:
      'Open, edit, close and delete issues, comment, and change labels, milestones and tracked time.',
  },
  organization: {
    name: 'Organizations',
    read: 'See your organizations, their teams and members.',
    write: 'See and change organizations, their teams and members. Create and delete them.',
  },
  package: {
    name: 'Packages',
    read: 'Download packages, private ones too.',
    write: 'Publish and delete packages.',
  },
  user: {
    name: 'Your account',
    read: 'See your profile, e-mail addresses, keys, followers and starred repositories.',
    write: 'See and change your profile, e-mail addresses and keys, and create repositories.',
  },
  notification: {
    name: 'Notifications',
    read: 'See your notifications.',
    write: 'See your notifications and mark them as read.',
  },
  activitypub: {
    name: 'Federation',
    read: 'See federation data.',
    write: 'Send federation messages as you.',
  },
  misc: {
    name: 'Everything else',
    read: 'Use small tools such as rendering text and listing templates.',
    write: 'Use small tools such as rendering text and listing templates.',
  },
}

const SPECIAL: Readonly<Record<string, ScopeLine>> = {
  all: {
    area: 'Everything',
    level: 'read and write',
    text: 'Do whatever you can do on this Forgejo.',
  },
  'public-only': {
    area: 'Public data only',
    level: 'read',
    text: 'All of this holds for public repositories and organizations only.',
  },
}

/** What an area is called, and what reading and writing in it means; the areas as they are shown, the weightiest first. */
export const areaWords = (word: string): Area =>
  AREAS[word] ?? {
    name: word,
    read: 'Whatever Forgejo takes this for.',
    write: 'Whatever Forgejo takes this for.',
  }

/** Sorts areas as they are shown. */
export function inOrder<T extends { area: string }>(areas: readonly T[]): T[] {
  const order = Object.keys(AREAS)
  return [...areas].sort((a, b) => order.indexOf(a.area) - order.indexOf(b.area))
}

/** Puts Forgejo's scopes in words, one line for each area; an unknown scope is shown as it is. */
export function scopeLines(scopes: readonly string[]): ScopeLine[] {
  const held = new Set(scopes)
  const lines: ScopeLine[] = []
  for (const [word, line] of Object.entries(SPECIAL)) if (held.delete(word)) lines.push(line)
  for (const [word, area] of Object.entries(AREAS)) {
    const reads = held.delete(`read:${word}`)
    if (held.delete(`write:${word}`))
      lines.push({ area: area.name, level: 'read and write', text: area.write })
    else if (reads) lines.push({ area: area.name, level: 'read', text: area.read })
  }
  for (const scope of held)
    lines.push({ area: scope, level: 'read and write', text: 'Whatever Forgejo takes this for.' })
  return lines
}
