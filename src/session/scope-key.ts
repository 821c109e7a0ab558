/** What a set of scopes is known by, whatever their order; the same list is looked at once. */
export function createScopeKey(): (scopes: readonly string[]) => string {
  const known = new WeakMap<readonly string[], string>()
  return (scopes) => {
    let key = known.get(scopes)
    if (key === undefined) {
      key = [...new Set(scopes)].sort().join(' ')
      known.set(scopes, key)
    }
    return key
  }
}
