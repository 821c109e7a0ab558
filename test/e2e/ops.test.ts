import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, removeFolder } from '../fixtures/broker.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { until } from '../fixtures/until.ts'
import { openWorld } from './world.ts'

const read = async (url: string, init: RequestInit & { unix?: string } = {}) => {
  const answer = await fetch(url, init)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

eachProgram('health', (program) => {
  test('/healthz tells the build, whatever the Host, and 503 while the store takes no write', async () => {
    await using world = await openWorld({ program })
    const healthz = () => read(`${world.url}/healthz`, { headers: { Host: 'any.example' } })
    const good = await healthz()
    expect(good.status).toBe(200)
    expect(good.body).toMatchObject({ status: 'ok', store: 'ok' })
    for (const name of ['version', 'git_revision', 'build_date'])
      expect(good.body[name]).toBeString()

    const hog = new Database(world.storePath)
    hog.run('BEGIN IMMEDIATE')
    await until('health is bad', async () => (await healthz()).status === 503)
    expect((await healthz()).body).toMatchObject({ status: 'sick', store: 'failed' })
    hog.run('ROLLBACK')
    hog.close()
    await until('health is good again', async () => (await healthz()).status === 200)
  })

  test('/readyz misses what is missing: the program of the children, Forgejo', async () => {
    await using world = await openWorld({ program })
    expect(await read(`${world.url}/readyz`)).toMatchObject({
      status: 200,
      body: { status: 'ready', store: 'ok', forgejo_mcp: 'ok', forgejo: 'ok' },
    })
    await world.broker.stop()
    await world.forgejo.control.closePort()
    await world.start({ FJMCP_BROKER_FORGEJO_MCP_BINARY: '/does/not/exist' })
    expect(await read(`${world.url}/readyz`)).toMatchObject({
      status: 503,
      body: { status: 'not ready', store: 'ok', forgejo_mcp: 'missing', forgejo: 'unreachable' },
    })
    expect((await read(`${world.url}/healthz`)).status).toBe(200)
    world.forgejo.control.openPort()
  })

  test('/metrics is on its own listener and nowhere else', async () => {
    const port = freePort()
    const env = { FJMCP_BROKER_METRICS_LISTEN: `127.0.0.1:${port}` }
    await using world = await openWorld({ program, env })
    const session = await (await world.login('alice')).open()
    await session.whoami()
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(text).toMatch(/^# TYPE \S+ counter$/m)
    expect(text).toMatch(/^fjmcp_\w*children [1-9]$/m)
    expect(text).not.toContain(session.id)
    for (const path of ['/metrics', '/metrics/'])
      expect((await fetch(`${world.url}${path}`)).status).toBe(404)
    for (const path of ['/', '/healthz', '/mcp'])
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404)
  })
})

eachProgram('a unix socket', (program) => {
  test('is for user and group, and the one that a killed broker left is replaced', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fjmcp-socket-'))
    const path = join(folder, 'broker.sock')
    const env = { FJMCP_BROKER_LISTEN: `unix:${path}` }
    try {
      await using world = await openWorld({ program, env })
      const mode = () => (statSync(path).mode & 0o777).toString(8)
      const healthz = () => read(`${world.url}/healthz`, { unix: path })
      expect(mode()).toBe('660')
      expect((await healthz()).status).toBe(200)
      expect(await fetch(`${world.url}/healthz`).catch(() => undefined)).toBeUndefined()

      // A second broker on a store of its own does not take the socket of one that lives.
      const second = await world.run(['serve'], { FJMCP_BROKER_STORE_PATH: join(folder, 'b.db') })
      expect(second.code).toBe(1)
      expect(second.stderr).toContain(`another process listens on ${path}`)
      expect((await healthz()).status).toBe(200)

      await world.broker.stop('SIGKILL')
      expect(statSync(path).isSocket()).toBe(true)
      await world.start()
      expect(mode()).toBe('660')
      expect((await healthz()).status).toBe(200)
      expect(await world.broker.stop()).toBe(0)
      await until(
        'the socket is gone',
        () => statSync(path, { throwIfNoEntry: false }) === undefined,
      )
    } finally {
      removeFolder(folder)
    }
  })
})

eachProgram('a broker that cannot listen', (program) => {
  test('exits with 1 and says where', async () => {
    await using world = await openWorld({ program })
    const folder = mkdtempSync(join(tmpdir(), 'fjmcp-listen-'))
    try {
      const { code, stderr } = await world.run(['serve'], {
        FJMCP_BROKER_STORE_PATH: join(folder, 'broker.db'),
      })
      expect(code).toBe(1)
      expect(stderr).toContain(`cannot listen on 127.0.0.1:${world.broker.port}`)
    } finally {
      removeFolder(folder)
    }
  })
})
