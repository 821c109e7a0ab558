/** What a set of scopes is known by, whatever their order; the same list is looked at once. */
export function createScopeKey(): (scopes: readonly string[]) => string {
  const known = new WeakMap<readonly string[], string>()
  return (scopes) => {
    const key = known.get(scopes) ?? [...new Set(scopes)].sort().join(' ')
    known.set(scopes, key)
    return key
  }
}
