import { Database } from 'bun:sqlite'
import { expect } from 'bun:test'
import { openSession } from '../e2e/wire.ts'
import { until } from '../fixtures/until.ts'
import { type Stage, scenario } from './stage.ts'

/** The child that stands by, as the broker has written it down. */
function standby({ storePath }: Stage): number | undefined {
  const db = new Database(storePath, { readonly: true })
  try {
    return db
      .query<{ pid: number }, []>('SELECT pid FROM children WHERE session_hash IS NULL')
      .get()?.pid
  } finally {
    db.close()
  }
}

scenario(
  'initialize before every call, never a DELETE: each finds a child standing by, caps hold, nobody is turned away',
  { env: { FJMCP_BROKER_MAX_SESSIONS_PER_USER: '4', FJMCP_BROKER_MAX_SESSIONS: '6' } },
  async (stage) => {
    const alice = await stage.login('alice')
    let served = 0
    for (let n = 0; n < 15; n++) {
      const waiting = standby(stage)
      const session = await openSession(stage.mcpUrl, alice)
      expect(await session.whoami()).toBe('alice')
      if (waiting !== undefined && standby(stage) !== waiting) served++
      expect(stage.children().length).toBeLessThanOrEqual(4)
      // On a busy machine the next one takes a while; with all places taken there is none.
      for (let waits = 0; waits < 3 && standby(stage) === undefined; waits++) await Bun.sleep(100)
    }
    expect(served).toBeGreaterThan(0)
    const rows = await stage.json<unknown[]>('sessions', 'list')
    expect(rows).toHaveLength(15)
  },
)

scenario(
  'a child that stands by takes the next initialize, of whichever client',
  {},
  async (stage) => {
    await stage.connect({ user: 'alice', client: 'Desktop' })
    const waiting = await until('a child stands by', () => standby(stage))
    const phone = await stage.connect({ user: 'alice', client: 'Phone', sdk: 'v2' })
    expect(await phone.whoami()).toBe('alice')
    expect(stage.children().map(({ pid }) => pid)).toContain(waiting)
    expect(standby(stage)).not.toBe(waiting)
  },
)

scenario(
  'more sessions than the cap allows children: the longest idle sleeps before anybody sees 503',
  { env: { FJMCP_BROKER_MAX_SESSIONS: '4' } },
  async (stage) => {
    const [alice, bob] = await Promise.all([stage.login('alice'), stage.login('bob')])
    const sessions = []
    for (let n = 0; n < 4; n++) sessions.push(await alice.open(), await bob.open())
    for (const [n, session] of sessions.entries()) {
      expect(await session.whoami()).toBe(n % 2 === 0 ? 'alice' : 'bob')
      expect(stage.children().length).toBeLessThanOrEqual(4)
    }
  },
)

scenario(
  'one session, many chats, every id 1, while children die and the token ends: every answer to its own question',
  {},
  async (stage) => {
    const alice = await stage.login('alice')
    const session = await alice.open()
    const ask = async (n: number) => {
      const reply = await fetch(stage.mcpUrl, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${alice.tokens.access_token}`,
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'Mcp-Session-Id': session.id,
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'test_echo', arguments: { n } },
        }),
      })
      expect(reply.status).toBe(200)
      const { id, result, error } = (await reply.json()) as Record<string, never>
      expect(id).toBe(1 as never)
      if (error) return 'failed'
      expect(JSON.stringify(result)).toContain(`{\\"n\\":${n}}`)
      return 'answered'
    }
    const outcomes: string[] = []
    for (let round = 0; round < 10; round++) {
      const asked = Array.from({ length: 10 }, (_, n) => ask(round * 10 + n))
      if (round % 5 === 4) for (const { pid } of stage.children()) process.kill(pid, 'SIGKILL')
      outcomes.push(...(await Promise.all(asked)))
    }
    expect(outcomes).toHaveLength(100)
    expect(outcomes.filter((outcome) => outcome === 'failed').length).toBeLessThanOrEqual(20)
  },
)
