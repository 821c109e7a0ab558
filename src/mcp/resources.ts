/**
 * The resource templates of forgejo-mcp 2.34.1 and the Forgejo scopes that reading one needs, all of them. `{…}` is one
 * segment, `{…*}` may hold a slash (as %2F), `{kind}` is `issue` or `pr`. A query only filters and pages.
 * A pull request is read with its comments, which Forgejo counts as an issue's. The profile of an owner who is an
 * organization needs read:organization besides, which shows only when Forgejo has no user of that name.
 */
const ROWS = `
forgejo://owner/{owner} read:user
forgejo://org/{org}/labels read:organization
forgejo://repo/{owner}/{repo} read:repository
forgejo://repo/{owner}/{repo}/branch_protection/{rule*} read:repository
forgejo://repo/{owner}/{repo}/branch_protections read:repository
forgejo://repo/{owner}/{repo}/commit/{sha} read:repository
forgejo://repo/{owner}/{repo}/commit/{sha}/status read:repository
forgejo://repo/{owner}/{repo}/hook/{id} read:repository
forgejo://repo/{owner}/{repo}/hooks read:repository
forgejo://repo/{owner}/{repo}/issue/{index} read:issue
forgejo://repo/{owner}/{repo}/issues read:issue
forgejo://repo/{owner}/{repo}/label/{id} read:issue
forgejo://repo/{owner}/{repo}/labels read:issue
forgejo://repo/{owner}/{repo}/pr/{index} read:issue,read:repository
forgejo://repo/{owner}/{repo}/wiki/{pageName*} read:repository
forgejo://repo/{owner}/{repo}/{kind}/{index}/comment/{id} read:issue
forgejo://repo/{owner}/{repo}/{kind}/{index}/comments read:issue
`

const PLACEHOLDER = /\{([^}]+)\}/g
/** What forgejo-mcp takes for a value: RFC 6570 unreserved characters and escapes; an escaped slash only where it belongs. */
const SEGMENT = '(?:[\\w.~-]|%(?!2[fF])[0-9a-fA-F]{2})+'
const SEGMENTS = '(?:[\\w.~-]|%[0-9a-fA-F]{2})+'

interface Resource {
  readonly template: string
  readonly uri: RegExp
  readonly scopes: readonly string[]
}

const pattern = (name: string): string =>
  name === 'kind' ? '(?:issue|pr)' : name.endsWith('*') ? SEGMENTS : SEGMENT

/** A template without the names of its variables and without its query, so that renaming one changes nothing. */
const shape = (template: string): string =>
  template.replace(/\{\?[^}]*\}$/, '').replaceAll(PLACEHOLDER, '{}')

function parseRow(row: string): Resource {
  const [template = '', scopes = ''] = row.split(' ')
  const path = template.replaceAll(PLACEHOLDER, (_, name: string) => pattern(name))
  return {
    template: shape(template),
    uri: new RegExp(`^${path}(?:\\?[^#]*)?$`),
    scopes: scopes.split(','),
  }
}

const RESOURCES: readonly Resource[] = ROWS.trim().split('\n').map(parseRow)

/** The scopes that reading a resource needs, by its exact URI; undefined when they are not known. */
export const resourceScopes = (uri: unknown): readonly string[] | undefined =>
  typeof uri === 'string' ? RESOURCES.find((one) => one.uri.test(uri))?.scopes : undefined

/** The same for a listed template. */
export function templateScopes(template: unknown): readonly string[] | undefined {
  if (typeof template !== 'string') return undefined
  const wanted = shape(template)
  return RESOURCES.find((one) => one.template === wanted)?.scopes
}
