import { Database } from 'bun:sqlite'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readlinkSync } from 'node:fs'
import { openWorld, type World, type WorldOptions } from '../e2e/world.ts'
import { until } from '../fixtures/until.ts'
import { connectPerson, type Person, type PersonOptions } from './people.ts'
import { compiled } from './program.ts'
import { leaks } from './secrets.ts'

/** Real processes on a busy machine; a scenario that hangs is ended all the same, in milliseconds. */
const SCENARIO_LIMIT_MS = 60_000
setDefaultTimeout(SCENARIO_LIMIT_MS)

/** One row of the audit log. */
export interface Told {
  event: string
  /** The account's login. */
  login: string | null
  reason: string | null
}

/** Everything a scenario plays with: Forgejo, the compiled broker, and people with official clients. */
export interface Stage extends World {
  people: readonly Person[]
  /** Connects a person from nothing; checked again at the end. */
  connect(options: PersonOptions | string): Promise<Person>
  /** The scenario ends this person's sessions: they are not expected to go on. */
  gone(person: Person): void
  /** What the audit log holds, the oldest first. */
  audit(): Told[]
  /** Waits until something was audited. */
  audited(event: string, reason?: string | RegExp): Promise<Told>
  /** Raw POST in a person's session, with the token that its client holds or, when that gave it up, held first. */
  post(person: Person, method: string, params?: Record<string, unknown>): Promise<Response>
}

/** Processes that live in the broker's folder: children and grandchildren, whoever their parent is by now. */
function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
      } catch {
        return false
      }
    })
}

/** The audit log of a store that a broker is using. */
function auditOf(storePath: string): Told[] {
  const db = new Database(storePath, { readonly: true })
  try {
    return db
      .query<Told, []>(
        `SELECT event, accounts.login AS login, reason FROM audit
         LEFT JOIN accounts ON accounts.id = audit.account_id ORDER BY audit.id`,
      )
      .all()
  } finally {
    db.close()
  }
}

/** What must hold after every scenario, whatever happened in it. */
async function finish(stage: Stage, over: ReadonlySet<Person>, began: Map<Person, Began>) {
  for (const person of stage.people) {
    const then = began.get(person)
    if (over.has(person) || !then) continue
    const what = `${person.user}'s session`
    expect(await person.whoami(), what).toBe(person.user)
    expect(person.sessionId(), `${what}: its id`).toBe(then.sessionId)
    expect(
      person.provider.steps.filter((step) => step === 'authorize'),
      what,
    ).toHaveLength(then.logins)
  }
  const audit = stage.audit()
  for (const person of stage.people) await person.close().catch(() => {})
  expect(await stage.broker.stop(), 'the exit code of the broker').toBe(0)
  await until('no process is left in the folder', () => processesIn(stage.folder).length === 0)
  expect(leaks(stage, JSON.stringify(audit))).toEqual([])
}

interface Began {
  sessionId: string | undefined
  accessToken: string
  logins: number
}

/**
 * Declares one scenario: a world with real processes, what happens in it, and what must hold afterwards: every
 * session that was not ended on purpose goes on under its id without another login, nobody was taken for somebody
 * else, no process is left, no secret was said.
 */
export function scenario(
  name: string,
  options: Partial<WorldOptions>,
  play: (stage: Stage) => Promise<void>,
  limitMs = SCENARIO_LIMIT_MS,
): void {
  test(
    name,
    async () => {
      await using world = await openWorld({ program: await compiled(), ...options })
      const people: Person[] = []
      const over = new Set<Person>()
      const began = new Map<Person, Began>()
      const audit = () => auditOf(world.storePath)
      const stage: Stage = Object.defineProperties(
        {
          people,
          async connect(options: PersonOptions | string) {
            const wanted = typeof options === 'string' ? { user: options } : options
            const person = await connectPerson(world.mcpUrl, wanted)
            people.push(person)
            const logins = person.provider.steps.filter((step) => step === 'authorize').length
            const accessToken = person.provider.tokens().access_token
            began.set(person, { sessionId: person.sessionId(), accessToken, logins })
            return person
          },
          gone: (person: Person) => void over.add(person),
          audit,
          audited: (event: string, reason: string | RegExp = '') =>
            until(`audited: ${event} ${reason}`, () =>
              audit().find(
                (row) => row.event === event && (row.reason ?? '').match(reason) !== null,
              ),
            ),
          post(person: Person, method: string, params: Record<string, unknown> = {}) {
            const then = began.get(person)
            const token = person.provider.tokens()?.access_token ?? then?.accessToken
            return fetch(world.mcpUrl, {
              method: 'POST',
              headers: {
                Authorization: `Bearer ${token}`,
                'Content-Type': 'application/json',
                Accept: 'application/json, text/event-stream',
                'Mcp-Session-Id': then?.sessionId ?? '',
              },
              body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
            })
          },
        },
        Object.getOwnPropertyDescriptors(world),
      ) as never
      await play(stage)
      await finish(stage, over, began)
    },
    limitMs,
  )
}
