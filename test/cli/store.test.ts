import { afterEach, beforeEach, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatKey, randomKey } from '../../src/crypto.ts'
import {
  type BrokerProcess,
  brokerEnv,
  freePort,
  removeFolder,
  runProgram,
  startBroker,
} from '../fixtures/broker.ts'
import { oneProgram } from '../fixtures/programs.ts'

oneProgram('the store of `serve`', (program) => {
  let folder: string
  let port: number
  const brokers: BrokerProcess[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fjmcp-store-'))
    port = freePort()
  })
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.stop('SIGKILL')))
    removeFolder(folder)
  })

  // Nothing listens where Forgejo should be: none of this needs it.
  const options = () => ({
    program,
    folder,
    port,
    forgejoUrl: 'http://127.0.0.1:9',
    clientId: 'id',
    clientSecret: 'secret',
    forgejoMcpBinary: 'forgejo-mcp',
  })
  const start = async (env: Record<string, string> = {}) => {
    const broker = await startBroker({ ...options(), env })
    brokers.push(broker)
    return broker
  }
  const path = () => join(folder, 'broker.db')
  const serve = (env: Record<string, string> = {}) =>
    runProgram(program, ['serve'], { env: { ...brokerEnv(options(), port, path()), ...env } })
  const files = () =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(folder, entry.name)] : [],
    )
  const contents = () =>
    Object.fromEntries(files().map((file) => [file, readFileSync(file).toString('base64')]))
  const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)

  /** A store that a broker has made and closed. */
  async function makeStore(env: Record<string, string> = {}) {
    const broker = await start(env)
    expect(await broker.stop()).toBe(0)
  }

  test('is made with its key, and nobody else may read any of it', async () => {
    const broker = await start()
    expect(readFileSync(`${path()}.key`, 'utf8')).toMatch(/^[\w-]{43}\n$/)
    expect(files().length).toBeGreaterThanOrEqual(4)
    for (const file of files()) expect([file, mode(file)]).toEqual([file, '600'])
    expect(await broker.stop()).toBe(0)
  })

  test('belongs to one broker: a second one exits with 1 and touches nothing', async () => {
    const broker = await start()
    const before = contents()
    const second = await serve({ FJMCP_BROKER_LISTEN: `127.0.0.1:${freePort()}` })
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`another fjmcp-broker works on ${path()}`)
    expect(contents()).toEqual(before)
    expect((await fetch(`${broker.url}/healthz`)).status).toBe(200)
    expect(await broker.stop('SIGKILL')).toBe(137)
    // The lock goes with its holder, however that ends.
    expect(await (await start()).stop()).toBe(0)
  })

  test('without its key is an error, and no new key is made', async () => {
    await makeStore()
    rmSync(`${path()}.key`)
    const { code, stderr } = await serve()
    expect(code).toBe(2)
    expect(stderr).toContain('has no key')
    expect(existsSync(`${path()}.key`)).toBe(false)
  })

  test('with another key is an error, whether it comes from the environment or from the file', async () => {
    await makeStore()
    const other = formatKey(randomKey())
    const given = await serve({ FJMCP_BROKER_KEY: other })
    expect([given.code, given.stderr]).toEqual([
      2,
      expect.stringContaining('not the one that this store'),
    ])
    expect(given.stderr).not.toContain(other)
    writeFileSync(`${path()}.key`, `${other}\n`)
    expect((await serve()).code).toBe(2)
  })

  test('with a key file that others may read is an error that says the remedy', async () => {
    await makeStore()
    for (const bits of [0o644, 0o640, 0o604]) {
      chmodSync(`${path()}.key`, bits)
      const { code, stderr } = await serve()
      expect(code).toBe(2)
      expect(stderr).toContain(`chmod 600 ${path()}.key`)
    }
  })

  test('with something else in its key file is an error that does not tell it', async () => {
    await makeStore()
    const text = 'this is no key at all, but who knows'
    writeFileSync(`${path()}.key`, text)
    const { code, stderr } = await serve()
    expect(code).toBe(2)
    expect(stderr).toContain('does not hold a key')
    expect(stderr).not.toContain(text)
  })

  test('may have its key in the environment, and then has no key file', async () => {
    const env = { FJMCP_BROKER_KEY: formatKey(randomKey()) }
    await makeStore(env)
    expect(existsSync(`${path()}.key`)).toBe(false)
    await makeStore(env)
    expect((await serve()).code).toBe(2)
  })

  test('that is no database is an error', async () => {
    writeFileSync(path(), 'no database\n'.repeat(1000))
    writeFileSync(`${path()}.key`, `${formatKey(randomKey())}\n`, { mode: 0o600 })
    const { code, stderr } = await serve()
    expect(code).toBe(1)
    expect(stderr).toContain('not a database')
  })
})
