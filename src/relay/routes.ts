import type { Target } from './paths.ts'
import { ROUTE_ROWS } from './route-rows.ts'

interface Route {
  readonly method: string
  readonly path: RegExp
  readonly scopes: readonly string[]
}

const API = '/api/v1/'
/** Web routes name what a file belongs to, except the one for files of issues and of releases alike. */
const RELEASE_FILE = /^\/[^/]+\/[^/]+\/releases\//

const literal = (text: string): string => text.replaceAll(/[.*+?^$()[\]|\\]/g, '\\$&')

function parseRow(row: string): Route & { open: number } {
  const [method = '', path = '', scopes = ''] = row.split(' ')
  const pattern = path
    .split(/(\/\{\*\}|\{\})/)
    .map((part) => (part === '{}' ? '[^/]+' : part === '/{*}' ? '(?:/.*)?' : literal(part)))
    .join('')
  const open = path.split('{').length
  return {
    method,
    path: new RegExp(`^${pattern}$`),
    scopes: scopes === '-' ? [] : scopes.split(','),
    open,
  }
}

/** A literal segment is stronger than a variable one, as in Forgejo's own router. */
const ROUTES: readonly Route[] = ROUTE_ROWS.trim()
  .split('\n')
  .map(parseRow)
  .sort((one, other) => one.open - other.open)

/**
 * The scope sets any one of which allows a request at Forgejo; undefined for a request that forgejo-mcp was never
 * seen to make. Empty segments are passed over, as Forgejo passes over them.
 */
export function routeScopes(
  method: string,
  target: Pick<Target, 'kind' | 'path'>,
): readonly (readonly string[])[] | undefined {
  const [pathname = ''] = target.path.split('?')
  if (target.kind === 'download')
    return RELEASE_FILE.test(pathname)
      ? [['read:repository']]
      : [['read:issue'], ['read:repository']]
  if (!pathname.startsWith(API)) return undefined
  const segments = pathname
    .slice(API.length)
    .split('/')
    .filter((segment) => segment !== '')
  const path = `/${segments.join('/')}`
  const verb = method === 'HEAD' ? 'GET' : method
  const route = ROUTES.find((one) => one.method === verb && one.path.test(path))
  return route && [route.scopes]
}
