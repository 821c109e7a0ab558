const AREAS = [
  'activitypub',
  'admin',
  'misc',
  'notification',
  'organization',
  'package',
  'issue',
  'repository',
  'user',
] as const

/** Every scope word that Forgejo knows for its API, to the letter: case matters to it (forgejo.md A10). */
export const FORGEJO_SCOPES: readonly string[] = Object.freeze([
  ...AREAS.flatMap((area) => [`read:${area}`, `write:${area}`]),
  'all',
  'public-only',
])

const KNOWN = new Set(FORGEJO_SCOPES)

/** What Forgejo grants when not one word of a grant's scope is known to it: everything. */
const FULL_ACCESS: readonly string[] = Object.freeze(['all'])

/** The words of a scope text, each once, in order. Only white space separates words. */
const scopeWords = (text: string): string[] => [
  ...new Set(text.split(/\s+/).filter((word) => word !== '')),
]

/**
 * What a grant with this scope text may do at Forgejo 9 and later: its known words, or everything (`all`) when it
 * has none, which is so for an empty text, for OpenID words alone and for words with commas (forgejo.md A10).
 */
export function grantedScopes(text: string): string[] {
  const known = scopeWords(text).filter((word) => KNOWN.has(word))
  return known.length > 0 ? known : [...FULL_ACCESS]
}
