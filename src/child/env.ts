/** Taken from the broker's own environment. */
const INHERITED = /^(?:PATH|LANG|TZ|SSL_CERT_\w+)$/
/** The broker's own unless the child is given any of them: then only those. */
const PROXY = /^(?:https?|all|no)_proxy$/i
/** Only what the child is given, never the broker's own. */
const GIVEN = new Set(['HOME', 'FORGEJO_ACCESS_TOKEN', 'FORGEJO_USER_AGENT', 'GOMEMLIMIT'])

type Variables = Readonly<Record<string, string | undefined>>

/**
 * The whole environment of a child: an allow-list, so that no secret of the broker, no `GITEA_*` and no
 * `FORGEJO_MCP_ALLOW_FILE_PATH_UPLOAD` can be among it. `given` wins over `base`; names outside the list are dropped.
 */
export function childEnv(base: Variables, given: Variables): Record<string, string> {
  const env: Record<string, string> = {}
  const ownProxies = Object.keys(given).some((name) => PROXY.test(name))
  const take = (from: Variables, allowed: (name: string) => boolean): void => {
    for (const [name, value] of Object.entries(from))
      if (value !== undefined && allowed(name)) env[name] = value
  }
  take(base, (name) => INHERITED.test(name) || (PROXY.test(name) && !ownProxies))
  take(given, (name) => INHERITED.test(name) || PROXY.test(name) || GIVEN.has(name))
  return env
}
