import { withoutSecrets } from '../log.ts'
import { unwrap } from './paths.ts'

/** What may not stand raw in a URL, and could end the JSON string it is put into. */
const UNSAFE = /[^!#-;=?-[\]_a-z~\u00a0-\uffff]/g

/** A text of so many characters is searched as bytes first: that takes a third of the time. */
const LARGE_CHARS = 64 * 1024

/**
 * Makes a text of a child's fit for its client: secrets replaced, wrapped URLs turned back into the originals, and
 * the relay's root into Forgejo's public base. Right within JSON at any depth of escaping, because a restored URL
 * holds no character that JSON escapes; a child cannot smuggle structure into its line by wrapping it.
 * @param relay the relay's root, `http://127.0.0.1:<port>`
 */
export function createCleaner(relay: string, forgejoUrl: string) {
  const authority = new URL(relay).host
  // A slash may be written `\/` in JSON, and `\\\/` in JSON within JSON.
  const relayUrl = new RegExp(
    String.raw`http:\\*/\\*/${authority.replaceAll('.', '\\.')}(?!\d)(?:\\*/_\\*/([A-Za-z0-9_-]+))?`,
    'g',
  )
  return (text: string, secrets: readonly string[]): string => {
    if (text.length >= LARGE_CHARS && !holds(text, [authority, ...secrets])) return text
    const masked = withoutSecrets(text, secrets)
    if (!masked.includes(authority)) return masked
    return masked.replace(relayUrl, (_, encoded: string | undefined) => {
      const original = encoded === undefined ? undefined : unwrap(encoded)
      if (original !== undefined) return safeUrl(original)
      return encoded === undefined ? forgejoUrl : `${forgejoUrl}/_/${encoded}`
    })
  }
}

function holds(text: string, sought: readonly string[]): boolean {
  const bytes = Buffer.from(text)
  return sought.some((each) => bytes.includes(each))
}

const safeUrl = (url: string): string =>
  url.replace(UNSAFE, (character) => encodeURIComponent(character))
