import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSealer, parseKey, type Sealed } from '../../src/crypto.ts'
import type { FakeForgejo } from '../fixtures/forgejo/server.ts'
import { argumentsOf, environmentOf } from '../fixtures/processes.ts'
import { eachProgram } from '../fixtures/programs.ts'
import type { Login } from './login.ts'
import type { Session } from './wire.ts'
import { openWorld, type World } from './world.ts'

/** Whatever is named like this in a query or a form is secret. */
const SECRET_FIELDS = ['code', 'state', 'code_verifier', 'refresh_token', 'client_secret', 'token']
/** All that a child is given besides its credential; two come from the shell script that wraps the stand-in. */
const CHILD_VARIABLES =
  /^(PWD|BUN_RUNTIME_TRANSPILER_CACHE_PATH|PATH|HOME|LANG|TZ|SSL_CERT_\w+|FORGEJO_USER_AGENT|GOMEMLIMIT|(https?|all|no)_proxy)$/i
const CREDENTIAL = 'FORGEJO_ACCESS_TOKEN'

/** What went over the wire between the broker, Forgejo and the browsers. */
function secretsAtForgejo({ requests, app }: FakeForgejo): string[] {
  const fields = requests.flatMap(({ path, body }) => [
    ...new URL(path, 'http://forgejo').searchParams,
    ...new URLSearchParams(body),
  ])
  const named = fields.filter(([name]) => SECRET_FIELDS.includes(name)).map(([, value]) => value)
  return [app.clientSecret, ...named, ...requests.flatMap(({ token }) => token ?? [])]
}

/** The key, and the pairs that it opens: the newest of Forgejo's tokens, which nobody has presented yet. */
function secretsInStore({ storePath }: World): string[] {
  const text = readFileSync(`${storePath}.key`, 'utf8').trim()
  const key = parseKey(text)
  if (key === undefined) throw new Error('no key')
  const db = new Database(storePath, { readonly: true })
  const rows = db
    .query<{ account: string; sealed: Sealed }, []>(
      'SELECT account_id AS account, sealed_pair AS sealed FROM vaults',
    )
    .all()
  db.close()
  const sealer = createSealer([key])
  const pairs = rows.map(({ account, sealed }) =>
    JSON.parse(sealer.open(sealed, `vaults.sealed_pair:${account}`) ?? 'null'),
  )
  return [
    text,
    Buffer.from(key).toString('latin1'),
    ...pairs.flatMap((pair) => Object.values(pair)),
  ] as string[]
}

/** What is random in a secret: without its prefix, or the signature of a JWT. Whoever holds that holds it all. */
const core = (secret: string): string => secret.replace(/^(?:[a-z]{3,6}_|eyJ.*\.)/s, '')

/** Uses everything that there is to use, the ways that go wrong included. */
async function live(world: World, logins: Login[], sessions: Session[]): Promise<string[]> {
  const { control } = world.forgejo
  const said: string[] = []
  const tell = async (session: Session, name: string, args = {}) =>
    said.push((await session.request('tools/call', { name, arguments: args })).text)
  for (const session of sessions) {
    await session.whoami()
    for (const tool of ['test_leak_token', 'test_env', 'test_stderr']) await tell(session, tool)
    await tell(session, 'test_fetch', { target: '/user' })
  }
  control.advance(3_600_000)
  for (const session of sessions) await tell(session, 'get_my_user_info')
  control.outage(502, 'api', 2)
  for (const session of sessions) await tell(session, 'get_my_user_info')
  control.clear()
  for (const login of logins) await login.refresh()
  for (const session of sessions) await tell(session, 'list_my_repos')
  await fetch(`${world.mcpUrl}?access_token=${logins[0]?.tokens.access_token}`, { method: 'POST' })
  await fetch(`${world.url}/oauth/callback?code=gta_unknown&state=unknown`)
  const [login] = logins
  const revoked = login?.tokens.refresh_token ?? ''
  await fetch(`${world.url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: revoked, client_id: login?.clientId ?? '' }),
  })
  said.push((await sessions[0]?.request('ping'))?.text ?? '')
  return said
}

const ofFolder = ({ folder }: World): [string, string][] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')])

eachProgram('nothing secret', (program) => {
  test.each(['relay', 'token'] as const)(
    'is in logs, arguments, environments, addresses, answers or files in %s mode',
    async (mode) => {
      await using world = await openWorld({
        program,
        env: { FJMCP_BROKER_CHILD_CREDENTIAL: mode },
      })
      const logins = await Promise.all([world.login('alice'), world.login('bob')])
      const sessions = await Promise.all(logins.map((login) => login.open()))
      const processes = [{ pid: world.broker.pid }, ...world.children()]
      const environments = world.children().map(({ pid }) => environmentOf(pid))
      const credentials = environments.map((env) => env[CREDENTIAL] ?? '')
      const argv = processes.map(({ pid }) => argumentsOf(pid).join(' '))
      const said = await live(world, logins, sessions)
      processes.push(...world.children())
      argv.push(...world.children().map(({ pid }) => argumentsOf(pid).join(' ')))

      const atForgejo = secretsAtForgejo(world.forgejo)
      const secrets = [
        ...new Set([
          ...logins.flatMap((login) => [...login.secrets]),
          ...sessions.map(({ id }) => id),
          ...credentials,
          ...atForgejo,
          ...secretsInStore(world),
        ]),
      ].filter((secret) => secret !== 'unknown' && secret !== 'gta_unknown')
      expect(secrets.length).toBeGreaterThan(25)
      for (const secret of secrets) expect(core(secret).length).toBeGreaterThanOrEqual(32)

      expect((await world.run(['backup', join(world.folder, 'copy.db')])).code).toBe(0)
      const shown = await Promise.all(
        ['clients', 'sessions', 'accounts'].map((command) =>
          world.run([command, 'list', '--json']),
        ),
      )
      shown.push(await world.run(['audit', '--json']), await world.run(['check']))
      for (const { code } of shown) expect(code).toBe(0)
      const files = ofFolder(world)
      expect(files.map(([name]) => name)).toContain('broker.db-wal')
      await world.broker.stop()
      files.push(...ofFolder(world))

      // A code and a state travel through the browser; nothing else that is secret does.
      const addresses = [
        ...logins.flatMap(({ redirects }) => redirects),
        ...world.forgejo.requests.map(({ path }) => path),
      ].map((address) => {
        const url = new URL(address, 'http://forgejo')
        for (const name of ['code', 'state']) url.searchParams.delete(name)
        return url.href
      })
      const places: [string, string][] = [
        ['the log', world.log()],
        ...argv.map((text): [string, string] => ['the arguments of a process', text]),
        ...addresses.map((text): [string, string] => ['an address', text]),
        ...said.map((text): [string, string] => ['an answer to a client', text]),
        ...shown.map(({ stdout, stderr }): [string, string] => ['a command', stdout + stderr]),
        ...files,
        ...environments.map((env): [string, string] => [
          'the environment of a child',
          JSON.stringify({ ...env, [CREDENTIAL]: undefined }),
        ]),
      ]
      const found = places.flatMap(([place, text]) =>
        secrets
          .filter((secret) => text.includes(core(secret)))
          .map((secret) => `${secret} in ${place}`),
      )
      expect(found).toEqual([])
      expect(world.log()).toContain('child stderr')
      for (const [place, text] of places)
        expect(`${place}: ${/eyJ[\w-]{20,}\.eyJ/.exec(text)}`).toEndWith('null')

      // What a child holds is worth something to Forgejo only in token mode, and it holds nothing else.
      for (const credential of credentials) {
        if (mode === 'relay') expect(atForgejo).not.toContain(credential)
        else expect(atForgejo).toContain(credential)
      }
      for (const env of environments)
        for (const name of Object.keys(env))
          expect(name === CREDENTIAL || CHILD_VARIABLES.test(name), name).toBe(true)
    },
  )
})
