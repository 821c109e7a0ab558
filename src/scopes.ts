/** Scopes are Forgejo's words: `read:issue`, `write:repository`, …, and `all`. Writing implies reading (forgejo.md A10). */

/** The scopes and the `read:x` that each `write:x` brings along, each once. */
export function impliedScopes(scopes: readonly string[]): string[] {
  return [
    ...new Set(
      scopes.flatMap((scope) =>
        scope.startsWith('write:') ? [scope, `read:${scope.slice('write:'.length)}`] : [scope],
      ),
    ),
  ]
}

/** The same set in as few words as will do: without the `read:x` that a `write:x` implies, each once. */
export function plainScopes(scopes: readonly string[]): string[] {
  const all = new Set(scopes)
  return [...all].filter(
    (scope) => !(scope.startsWith('read:') && all.has(scope.replace('read:', 'write:'))),
  )
}

/** Whether every needed scope is among the held ones or implied by them; `all` implies every one. */
export function covers(held: readonly string[], needed: readonly string[]): boolean {
  return needed.every((scope) => isCovered(scope, held)) || held.includes('all')
}

/** The needed scopes that the held ones neither are nor imply. */
export function missingScopes(held: readonly string[], needed: readonly string[]): string[] {
  if (held.includes('all')) return []
  return needed.filter((scope) => !isCovered(scope, held))
}

const isCovered = (scope: string, held: readonly string[]): boolean =>
  held.includes(scope) ||
  (scope.startsWith('read:') && held.includes(scope.replace('read:', 'write:')))
