/** Which URLs are Forgejo's, and how they, the relay's and the upstream ones turn into each other. */
export interface Bases {
  /** The relay's own root, without a trailing slash: what a child takes for Forgejo's base. */
  readonly relay: string
  /** Forgejo's base as browsers see it, without a trailing slash. */
  readonly forgejo: string
  /** Whether Forgejo, inside and out, is at the root of its host: a path there is the same path here. */
  readonly atRoot: boolean
  /** The upstream URL for a path (with its query) under the relay's root. */
  upstream(path: string): string
  /** The path (with query and fragment) of a URL below Forgejo's base; undefined when it is not Forgejo's. */
  below(url: URL): string | undefined
}

export interface BaseOptions {
  relay: string
  forgejoUrl: string
  forgejoInternalUrl: string
  /** The base of the discovery document's issuer, once it is known. */
  issuer: () => string | undefined
}

/** The bases of one Forgejo. A URL is Forgejo's when it begins with one of them at a path-segment boundary. */
export function createBases(options: BaseOptions): Bases {
  const fixed = [new URL(options.forgejoUrl), new URL(options.forgejoInternalUrl)]
  return {
    relay: options.relay,
    forgejo: options.forgejoUrl,
    atRoot: fixed.every((base) => basePath(base) === ''),
    upstream: (path) => options.forgejoInternalUrl + path,
    below(url) {
      const issuer = parseUrl(options.issuer() ?? '')
      for (const base of issuer ? [...fixed, issuer] : fixed) {
        const path = pathBelow(base, url)
        if (path !== undefined) return path
      }
      return undefined
    },
  }
}

/** Parses an absolute URL, or one relative to `base`; undefined when it is none. */
export function parseUrl(text: string, base?: string): URL | undefined {
  return URL.canParse(text, base) ? new URL(text, base) : undefined
}

const basePath = (base: URL): string => base.pathname.replace(/\/+$/, '')

/** Both URLs are parsed, so `https://forge.example.evil` and `https://forge.example@evil` cannot pass for the base. */
function pathBelow(base: URL, url: URL): string | undefined {
  if (url.origin !== base.origin || url.username !== '' || url.password !== '') return undefined
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  const prefix = basePath(base)
  if (url.pathname !== prefix && !url.pathname.startsWith(`${prefix}/`)) return undefined
  const path = url.pathname.slice(prefix.length)
  return (path === '' ? '/' : path) + url.search + url.hash
}
