import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBroker } from '../../src/cli/broker.ts'
import { openPermissions } from '../../src/cli/permissions.ts'
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { FORGEJO_SCOPES } from '../../src/forgejo/scopes.ts'
import { silentLog } from '../../src/log.ts'
import type { Permissions } from '../../src/mcp/permissions.ts'
import { findTool } from '../../src/mcp/tools.ts'
import { login, register } from '../e2e/login.ts'
import type { Session } from '../e2e/wire.ts'
import { standInBinary } from '../fixtures/binary.ts'
import { brokerEnv, freePort } from '../fixtures/broker.ts'
import { categoriesOf, missingScope } from '../fixtures/forgejo/scopes.ts'
import { startForgejo } from '../fixtures/forgejo/server.ts'

/** What a login can have in this world: the default of every broker. */
export const ALL = [
  'read:user',
  'write:repository',
  'write:issue',
  'write:notification',
  'write:organization',
]

/** The tools of the child itself, which no caller has a scope for: with them a test asks the child what ran. */
export const isOurs = (name: unknown): boolean =>
  typeof name === 'string' && name.startsWith('test_') && findTool(name) === undefined

/** The real check, but for the child's own test tools. */
const checked = (real: Permissions): Permissions => ({
  ...real,
  denial: (request, held) =>
    isOurs(request.params?.name) ? undefined : real.denial(request, held),
})

/** No check at all. */
const unchecked = (): Permissions => ({
  denial: () => undefined,
  shown: (_request, _held, sink) => sink,
})

export type World = Awaited<ReturnType<typeof openWorld>>

/** A broker of this process, whole, between real HTTP, real children and the stand-in for Forgejo. */
export async function openWorld(options: { check: boolean }) {
  const forgejo = await startForgejo()
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-permissions-'))
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const app = forgejo.registerApp({ redirectUris: [`${url}/oauth/callback`] })
  const storePath = join(folder, 'broker.db')
  const env = brokerEnv(
    {
      forgejoUrl: forgejo.url,
      clientId: app.clientId,
      clientSecret: app.clientSecret,
      forgejoMcpBinary: standInBinary({ testTools: true }),
      env: { FJMCP_BROKER_RATE_LIMIT: 'false', FJMCP_BROKER_SHUTDOWN_GRACE: '0s' },
    },
    port,
    storePath,
  )
  const isScope = (word: string) => FORGEJO_SCOPES.includes(word)
  const config = readConfig({ flags: {}, env, readFile: () => undefined, isScope })
  if (!config.ok) throw new Error(config.error.join('; '))
  const real = openPermissions(config.value, silentLog)
  const broker = await openBroker({
    config: config.value,
    log: silentLog,
    clock: systemClock,
    environment: { PATH: process.env.PATH },
    permissions: options.check ? checked(real) : unchecked(),
  })
  const clientId = await register(url, 'By hand')

  return {
    url,
    mcpUrl: `${url}/mcp`,
    storePath,
    clientId,
    forgejo,

    /** A login of alice with these scopes; all of them share one client and one grant. */
    login: (scopes: readonly string[]) =>
      login(url, 'alice', { clientId, scope: scopes.join(' ') }),

    /** What Forgejo was asked since a place in its log although a token with these scopes alone may not ask for it. */
    beyond: (scopes: readonly string[], since: number): string[] =>
      forgejo.requests.slice(since).flatMap(({ method, path }) => {
        const [route = ''] = path.split('?')
        const categories = categoriesOf(route.replace(/^\/api\/v1/, '')) ?? []
        const missing = missingScope(new Set(scopes), categories, method)
        return route.startsWith('/api/v1/') && missing ? [`${method} ${path}: ${missing}`] : []
      }),

    /** Sets the cap of alice's grant, as another process does it; returns what it was. */
    narrow(scopes: readonly string[]): string[] {
      const db = new Database(storePath)
      try {
        const row = db.query<{ scopes: string }, []>('SELECT scopes FROM grants').get()
        db.run('UPDATE grants SET scopes = ?', [JSON.stringify(scopes)])
        return JSON.parse(row?.scopes ?? '[]') as string[]
      } finally {
        db.close()
      }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      await broker.close(AbortSignal.abort())
      await forgejo.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The tools that the child of a session has run, the test tools left out. */
export async function ranIn(session: Session): Promise<string[]> {
  const record = JSON.parse(await session.tool('test_record')) as string[]
  return record
    .filter((one) => one.startsWith('tools/call '))
    .map((one) => one.slice('tools/call '.length))
    .filter((name) => !isOurs(name))
}
