import { wrap } from './paths.ts'

/** Most bytes of an attachment or asset listing that are read in order to rewrite it. */
export const MAX_LISTING_BYTES = 1024 * 1024

/**
 * Rewrites a listing so that a child fetches every `browser_download_url` through the relay, wherever it leads: the
 * relay serves Forgejo's own and refuses the rest. Undefined when the text is no JSON.
 */
export function rewriteListing(text: string, relay: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text, (key, member: unknown) =>
      key === 'browser_download_url' && typeof member === 'string' ? wrap(member, relay) : member,
    )
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
