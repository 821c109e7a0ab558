import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { chmodSync, existsSync } from 'node:fs'
import { openWorld, type World } from '../e2e/world.ts'
import { scriptedBinary, standInBinary } from '../fixtures/binary.ts'
import { PROFILES, type ProfileName } from '../fixtures/forgejo/profiles.ts'
import { oneProgram } from '../fixtures/programs.ts'

/** The lines of a report by their mark. */
function read(stdout: string): Record<'ok' | 'warn' | 'FAIL' | 'skip', string[]> {
  const marked = (mark: string) =>
    stdout.split('\n').filter((line) => line.startsWith(mark.padEnd(4)))
  return { ok: marked('ok'), warn: marked('warn'), FAIL: marked('FAIL'), skip: marked('skip') }
}

oneProgram('check', (program) => {
  let world: World
  const check = async (env: Record<string, string> = {}) => {
    const ran = await world.run(['check'], env)
    return { ...ran, ...read(ran.stdout) }
  }
  /** The one thing that is wrong, and the rest is well. */
  const expectOnly = async (env: Record<string, string>, ...says: string[]) => {
    const { code, FAIL, warn, stdout } = await check(env)
    expect({ code, fails: FAIL.length, warnings: warn.length }, stdout).toEqual({
      code: 1,
      fails: 1,
      warnings: 0,
    })
    for (const part of says) expect(stdout).toContain(part)
  }

  beforeAll(async () => {
    world = await openWorld({ program, binary: standInBinary() })
  })
  afterAll(() => world[Symbol.asyncDispose]())
  beforeEach(() => world.forgejo.control.clear())

  test('finds nothing wrong where nothing is, and tells what it looked at', async () => {
    const { code, ok, warn, FAIL, skip, stderr } = await check()
    expect({ code, warn, FAIL, skip, stderr }).toEqual({
      code: 0,
      warn: [],
      FAIL: [],
      skip: [],
      stderr: '',
    })
    for (const part of [
      'a broker runs on this store',
      `${world.storePath} opens`,
      '15.0.3',
      'redirect URI are good',
      'Forgejo MCP Server 2.34.1 and speaks MCP 2025-11-25',
      'its tools: 141, the scopes of all are known',
      `${world.url} reaches a broker`,
    ])
      expect(ok.join('\n')).toContain(part)
  })

  test('tells a wrong secret, an unknown application and a missing redirect URI apart', async () => {
    const { app } = world.forgejo
    const refused = 'refuses our client id or secret'
    await expectOnly({ FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET: 'wrong-secret' }, refused)
    await expectOnly({ FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_ID: crypto.randomUUID() }, refused)
    const uris = app.redirectUris
    app.redirectUris = ['https://elsewhere.example/oauth/callback']
    await expectOnly({}, 'does not list our redirect URI', `add ${world.url}/oauth/callback`)
    app.redirectUris = uris
  })

  test('says so when Forgejo is down, sick, or another one', async () => {
    const nobody = 'http://127.0.0.1:9'
    await expectOnly(
      { FJMCP_BROKER_FORGEJO_INTERNAL_URL: nobody },
      `${nobody} gives no discovery document`,
    )
    world.forgejo.control.outage(502, 'discovery')
    await expectOnly({}, 'gives no discovery document', '502')
    world.forgejo.control.clear()
    world.forgejo.control.outage(503, 'token')
    await expectOnly({}, 'token endpoint does not answer')
  })

  test('warns of another ROOT_URL', async () => {
    const { url, control } = world.forgejo
    control.advertise('https://git.example')
    const { code, warn } = await check()
    control.advertise(url)
    expect(code).toBe(0)
    expect(warn).toEqual([expect.stringContaining('Forgejo calls itself https://git.example')])
  })

  test('says what is wrong with the program of the children', async () => {
    const binary = (path: string) => ({ FJMCP_BROKER_FORGEJO_MCP_BINARY: path })
    await expectOnly(binary('/does/not/exist'), '/does/not/exist is not there')
    await expectOnly(binary('no-such-program'), 'no-such-program is not there')
    await expectOnly(binary(import.meta.path), 'is not there or may not be run')
    await expectOnly(binary(scriptedBinary('crash', 'no such host')), 'no such host')
    await expectOnly(binary(scriptedBinary('echo')), 'did not answer initialize')
    await expectOnly(binary('/bin/true'), 'ended before it spoke')
  })

  test('names the tools that nobody knows the scopes of', async () => {
    const newer = standInBinary({ testTools: true })
    const { code, warn } = await check({ FJMCP_BROKER_FORGEJO_MCP_BINARY: newer })
    expect(code).toBe(0)
    expect(warn).toEqual([
      expect.stringMatching(/its tools: \d+ of 1\d\d have no known .*test_echo/),
    ])
  })

  test('says what answers at the public URL instead of us', async () => {
    let answer = (): Response => new Response('gone', { status: 404 })
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => answer() })
    const url = `http://127.0.0.1:${other.port}`
    const { app } = world.forgejo
    app.redirectUris.push(`${url}/oauth/callback`)
    const env = { FJMCP_BROKER_PUBLIC_URL: url }
    await expectOnly(env, 'oauth-authorization-server answers 404')
    answer = () => Response.json({ issuer: url })
    await expectOnly(env, 'is not what this configuration says')
    answer = () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } })
    await expectOnly(env, 'cannot be read')
    answer = () => Response.redirect('https://elsewhere.example')
    await expectOnly(env, 'answers 302')
    await other.stop(true)
    await expectOnly(env, 'cannot be read')
    app.redirectUris.pop()
  })

  test('says how to mend the mode of the key file, and that a key is wrong', async () => {
    const path = `${world.storePath}.key`
    chmodSync(path, 0o644)
    await expectOnly({}, 'has mode 0644', `chmod 600 ${path}`)
    chmodSync(path, 0o600)
    await expectOnly(
      { FJMCP_BROKER_KEY: 'A'.repeat(43) },
      'not the one that this store was sealed with',
    )
  })

  test('says what token mode gives up', async () => {
    const { code, warn } = await check({ FJMCP_BROKER_CHILD_CREDENTIAL: 'token' })
    expect(code).toBe(0)
    expect(warn).toHaveLength(2)
  })

  test('warns of a user whose scopes at Forgejo are an older grant’s', async () => {
    await world.login('alice')
    const scopes = 'read:user write:repository write:issue write:notification write:organization'
    const { code, warn, stdout } = await check({
      FJMCP_BROKER_FORGEJO_OAUTH_SCOPES: `${scopes} read:misc`,
    })
    expect(warn).toEqual([expect.stringContaining('alice: Forgejo granted fewer scopes')])
    expect(stdout).toContain('/user/settings/applications and logs in again')
    // The broker that runs was not restarted since the scopes were changed.
    expect(code).toBe(1)
  })

  test('needs no store and makes none; without a broker there is no public URL to ask', async () => {
    const path = `${world.folder}/none.db`
    const { code, skip, ok } = await check({ FJMCP_BROKER_STORE_PATH: path })
    expect(code).toBe(0)
    expect(ok.join('\n')).toContain(`${path} will be made at the first start`)
    expect(skip).toEqual([expect.stringContaining('no broker runs on this store')])
    for (const each of [path, `${path}.key`, `${path}.lock`]) expect(existsSync(each)).toBe(false)
  })

  test.each(Object.keys(PROFILES) as ProfileName[])(
    'tells good from bad on Forgejo %s',
    async (name) => {
      world.forgejo.profile = name
      const good = await check()
      expect(good.FAIL).toEqual([])
      await expectOnly(
        { FJMCP_BROKER_FORGEJO_OAUTH_CLIENT_SECRET: 'wrong-secret' },
        'refuses our client',
      )
      world.forgejo.profile = 'v15.0.3'
    },
  )
})
