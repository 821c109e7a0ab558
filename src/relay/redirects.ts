import { err, ok, type Result } from '../result.ts'
import { type Bases, parseUrl } from './bases.ts'
import { foreign } from './paths.ts'
import type { Refusal } from './refusals.ts'

/** A path on the same host that every URL parser reads alike: one slash first, no backslash, no control character. */
const PLAIN_PATH = /^\/(?!\/)[!-[\]-~]*$/

/**
 * What a child is told instead of a `Location` of Forgejo's: the relay's URL for one under Forgejo's base, the same
 * text for a relative one. Anything that leads elsewhere is refused with 403, naming the host.
 * @param asked the path below the base that was asked for, which a relative Location is relative to
 */
export function relayLocation(
  location: string,
  asked: string,
  bases: Bases,
): Result<string, Refusal> {
  // Forgejo writes relative locations for the base that browsers see, whose path a proxy may have taken off for us.
  const url = parseUrl(location, bases.forgejo + asked)
  const inside = parseUrl(location, bases.upstream(asked))
  if (!url || !inside)
    return err({ status: 403, message: 'Forgejo redirects to something that is no URL' })
  const path = bases.below(url) ?? bases.below(inside)
  if (path === undefined) return err(foreign(url))
  if (bases.atRoot && PLAIN_PATH.test(location)) return ok(location)
  return ok(bases.relay + path)
}
