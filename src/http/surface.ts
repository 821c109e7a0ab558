/** How a path answers what goes wrong on it. */
export type Speech = 'page' | 'oauth' | 'rpc'

/** What holds for a path before any handler sees the request. */
export interface Rule {
  /** HEAD goes with GET only where it is listed: a HEAD must not use up a code. */
  methods: readonly string[]
  /** Which pages of other origins may read the answers. */
  cors: 'none' | 'any' | 'ours'
  speech: Speech
  /** The bucket that requests are counted in. */
  limit?: 'authorize' | 'token' | 'register'
}

const document: Rule = { methods: ['GET', 'HEAD'], cors: 'any', speech: 'oauth' }
const health: Rule = { methods: ['GET', 'HEAD'], cors: 'none', speech: 'oauth' }

/** Every path there is. A path that is not here is 404 before any router reads it. */
const SURFACE: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['/', { methods: ['GET', 'HEAD'], cors: 'none', speech: 'page' }],
  ['/healthz', health],
  ['/readyz', health],
  ['/.well-known/oauth-authorization-server', document],
  ['/.well-known/oauth-protected-resource', document],
  ['/.well-known/oauth-protected-resource/mcp', document],
  ['/oauth/register', { methods: ['POST'], cors: 'any', speech: 'oauth', limit: 'register' }],
  ['/oauth/token', { methods: ['POST'], cors: 'any', speech: 'oauth', limit: 'token' }],
  ['/oauth/revoke', { methods: ['POST'], cors: 'any', speech: 'oauth', limit: 'token' }],
  ['/oauth/authorize', { methods: ['GET'], cors: 'none', speech: 'page', limit: 'authorize' }],
  ['/oauth/consent', { methods: ['POST'], cors: 'none', speech: 'page', limit: 'authorize' }],
  ['/oauth/callback', { methods: ['GET'], cors: 'none', speech: 'page', limit: 'authorize' }],
  ['/connections', { methods: ['GET', 'POST'], cors: 'none', speech: 'page', limit: 'authorize' }],
  ['/mcp', { methods: ['GET', 'POST', 'DELETE'], cors: 'ours', speech: 'rpc' }],
])

/** Unknown well-known documents are looked for by scripts in browsers: they must be able to read the 404. */
const UNKNOWN_DOCUMENT: Rule = { methods: [], cors: 'any', speech: 'oauth' }
const UNKNOWN_PATH: Rule = { methods: [], cors: 'none', speech: 'page' }

/** The rule for a path; one without methods is a path that does not exist. */
export function ruleFor(path: string): Rule {
  const rule = SURFACE.get(path)
  if (rule) return rule
  return path.startsWith('/.well-known/') ? UNKNOWN_DOCUMENT : UNKNOWN_PATH
}
