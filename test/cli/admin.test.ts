import { afterAll, beforeAll, expect, test } from 'bun:test'
import { CALLBACK, type Login, register } from '../e2e/login.ts'
import { bearer, type Session, send } from '../e2e/wire.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { type Process, recordedChildren, stillAlive } from '../fixtures/processes.ts'
import { oneProgram } from '../fixtures/programs.ts'
import { until } from '../fixtures/until.ts'

/** How soon a running broker acts on what a command wrote. */
const SOON_MS = 3_000

interface Client {
  id: string
  name: string
  kind: string
  grants: number
  revokedAt: number | null
}

oneProgram('the commands beside a running broker', (program) => {
  let world: World
  let alice: Login
  let bob: Login
  beforeAll(async () => {
    world = await openWorld({ program })
    ;[alice, bob] = await Promise.all([
      world.login('alice', { client: 'Of Alice' }),
      world.login('bob', { client: 'Of Bob' }),
    ])
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const good = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await world.run(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const bad = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await world.run(args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    return stderr
  }
  const clients = () => world.json<Client[]>('clients', 'list')
  const statusOf = async (session: Session) => (await session.request('ping')).status
  const becomes = (session: Session, status: number) =>
    until(
      `the session answers ${status}`,
      async () => (await statusOf(session)) === status,
      SOON_MS,
    )
  const childrenOf = (session: Session) => {
    const children = recordedChildren(world.storePath, session.hash)
    expect(children).toHaveLength(1)
    return children
  }
  const gone = (children: Process[]) =>
    until('the child is gone', () => stillAlive(children).length === 0, SOON_MS)

  test('clients: one is added by hand, used, shown, and revoked with its sessions', async () => {
    const added = await good('clients', 'add', 'By the operator', CALLBACK, 'https://a.example/cb')
    const clientId = /^client_id: (\S+)$/m.exec(added)?.[1] ?? ''
    const login = await world.login('alice', { clientId })
    const [session, other] = await Promise.all([login.open(), bob.open()])
    const listed = await clients()
    expect(listed.map(({ name, kind, grants }) => [name, kind, grants])).toEqual(
      expect.arrayContaining([
        ['By the operator', 'preregistered', 1],
        ['Of Alice', 'dynamic', 1],
        ['Of Bob', 'dynamic', 1],
      ]),
    )
    expect(await good('clients', 'list')).toContain('By the operator')
    const shown = await good('clients', 'show', clientId)
    for (const part of [
      'By the operator (preregistered)',
      CALLBACK,
      'https://a.example/cb',
      'alice',
      'write:issue',
    ])
      expect(shown).toContain(part)

    const children = childrenOf(session)
    await good('clients', 'revoke', clientId)
    await becomes(session, 401)
    await gone(children)
    expect(await other.whoami()).toBe('bob')
    await expect(login.refresh()).rejects.toThrow('invalid_')
    await expect(world.login('alice', { clientId })).rejects.toThrow()
    expect((await clients()).find(({ id }) => id === clientId)?.revokedAt).toBeNumber()
    expect(await bad('clients', 'revoke', clientId)).toContain('no client')
    await other.end()
  })

  test('clients: what cannot be sent back to is refused; what is not there is said so', async () => {
    const { code, stderr } = await world.run(['clients', 'add', 'X', 'http://a.example/cb'])
    expect(code).toBe(2)
    expect(stderr).toContain('https')
    for (const command of ['show', 'revoke'])
      expect(await bad('clients', command, 'client_none')).toContain('no client client_none')
    expect((await clients()).map(({ name }) => name)).not.toContain('X')
  })

  test('clients: a name cannot drive the terminal', async () => {
    await register(world.url, 'Evil \u001b]0;pwned\u0007\u202egnp')
    const shown = (await good('clients', 'list')).replaceAll('\n', '')
    expect(shown).toContain('Evil')
    expect(shown).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
  })

  test('sessions: listed with their owner, and ended by the start of their hash', async () => {
    const [mine, theirs] = await Promise.all([alice.open('2025-11-25'), bob.open()])
    await mine.whoami()
    type Row = { id: string; login: string; client: string; protocolVersion: string; awake: number }
    const rows = await world.json<Row[]>('sessions', 'list')
    expect(rows.map(({ id, login, client }) => [id, login, client]).sort()).toEqual(
      [
        [mine.hash, 'alice', 'Of Alice'],
        [theirs.hash, 'bob', 'Of Bob'],
      ].sort(),
    )
    expect(rows.find(({ login }) => login === 'alice')?.protocolVersion).toBe('2025-11-25')
    expect(rows.every(({ awake }) => awake === 1)).toBe(true)
    const table = await good('sessions', 'list')
    expect(table).toContain(mine.hash.slice(0, 12))
    expect(table).not.toContain(mine.id)

    const children = childrenOf(mine)
    await good('sessions', 'end', mine.hash.slice(0, 8))
    await becomes(mine, 404)
    await gone(children)
    expect(await theirs.whoami()).toBe('bob')
    expect(await bad('sessions', 'end', mine.hash.slice(0, 8))).toContain('no session begins with')
    expect(await bad('sessions', 'end', '')).toContain('no session begins with')
    await theirs.end()
  })

  test('accounts: listed with their credential, and disconnected with all sessions', async () => {
    const session = await bob.open()
    type Row = { login: string; sub: string; sessions: number; deadAt: number | null }
    const rows = await world.json<Row[]>('accounts', 'list')
    expect(
      rows.map(({ login, sub, sessions, deadAt }) => [login, sub, sessions, deadAt]).sort(),
    ).toEqual([
      ['alice', '1', 0, null],
      ['bob', '2', 1, null],
    ])
    expect(await good('accounts', 'list')).toContain('good, renewed by')
    expect(await bad('accounts', 'disconnect', 'nobody')).toContain('no account nobody')

    const children = childrenOf(session)
    await good('accounts', 'disconnect', 'sub:2')
    await becomes(session, 401)
    await gone(children)
    await expect(bob.refresh()).rejects.toThrow('invalid_grant')
    expect((await send(world.mcpUrl, bearer(alice), 'x')).status).toBe(400)
    // The way back is a new login.
    const again = await world.login('bob', { clientId: bob.clientId })
    expect(await (await again.open()).whoami()).toBe('bob')
  })

  test('audit: what happened, by event, user, client and time', async () => {
    type Row = { event: string; accountId: string | null; clientId: string | null; at: number }
    const all = await world.json<Row[]>('audit')
    expect(all.length).toBeGreaterThan(8)
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).sort((a, b) => b - a))
    const created = await world.json<Row[]>('audit', '--event', 'session.created')
    expect(new Set(created.map(({ event }) => event))).toEqual(new Set(['session.created']))
    const ofBob = await world.json<Row[]>('audit', '--account', 'bob', '--event', 'session.created')
    expect(ofBob).toHaveLength(created.filter(({ clientId }) => clientId === bob.clientId).length)
    const ofClient = await world.json<Row[]>('audit', '--client', alice.clientId)
    expect(new Set(ofClient.map(({ clientId }) => clientId))).toEqual(new Set([alice.clientId]))
    expect(await world.json<Row[]>('audit', '--limit', '2')).toEqual(all.slice(0, 2))
    expect(await world.json<Row[]>('audit', '--since', '1h')).toEqual(all)
    expect(await world.json<Row[]>('audit', '--since', '1ms')).toEqual([])
    expect(await good('audit', '--event', 'none.such')).toBe('Nothing that matches.\n')
    const table = await good('audit')
    for (const part of ['TIME', 'session.ended', 'alice', 'bob']) expect(table).toContain(part)
    expect(await bad('audit', '--account', 'nobody')).toContain('no account nobody')
  })
})
