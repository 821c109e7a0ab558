/**
 * A name as Go's encoding/json compares it: Unicode simple case folding. The known names are ASCII, and besides
 * the ASCII capitals only two characters fold into ASCII: U+017F (long s) and U+212A (the kelvin sign).
 */
export const foldName = (name: string): string =>
  name
    .replaceAll('\u017f', 's')
    .replaceAll('\u212a', 'k')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** The names that mean something on one level of a message, exactly and folded. */
export interface Names {
  exact: ReadonlySet<string>
  folded: ReadonlySet<string>
}

export const namesOf = (names: Iterable<string>): Names => {
  const exact = new Set(names)
  return { exact, folded: new Set([...exact].map(foldName)) }
}

/** Why such a key is refused. */
export const MISSPELT = 'a key differs from a known one only in case'

/** Whether another reader takes a key for a known one because it disregards case. */
export const isMisspelt = (key: string, known: Names): boolean =>
  !known.exact.has(key) && known.folded.has(foldName(key))

/**
 * What makes the members of an object ambiguous, if anything does: a key given twice, or a key that another reader
 * takes for a known one because it disregards case. Returns a sentence for the error message.
 */
export function ambiguity(keys: readonly string[], known: Names): string | undefined {
  const seen = new Set<string>()
  for (const key of keys) {
    if (seen.has(key)) return 'a key is given twice'
    seen.add(key)
    if (isMisspelt(key, known)) return MISSPELT
  }
  return undefined
}
