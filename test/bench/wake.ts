import { readFileSync } from 'node:fs'
import { INITIALIZE, openSession, postCall } from './measure.ts'
import type { Subject } from './subjects.ts'

/** The settings of a broker whose children soon sleep. */
export const SLEEPY: Record<string, string> = {
  FJMCP_BROKER_SESSION_IDLE_TIMEOUT: '600ms',
  // A child that stands by would make a wake cost next to nothing. With both places taken none is started.
  FJMCP_BROKER_MAX_SESSIONS_PER_USER: '2',
}

/** Longest wait until every child of a broker sleeps, in milliseconds. */
const ASLEEP_MS = 10_000

/** Between two measurements, in milliseconds: what the last one left behind is done then. */
const REST_MS = 40

/** Rounds that do not count: they use up the child that stands by since the login. */
const WARM_UP = 3

/** What is timed in each round. */
type Kind = 'raw' | 'legacy' | 'modern'
const KINDS: readonly Kind[] = ['raw', 'legacy', 'modern']

/** What the first call after a sleep takes, and the bare start of the same program: one time of each per round, in ms. */
export type Wakes = Record<Kind, number[]>

/**
 * Times by turns the first call of a session and of a stateless client after their children were put to sleep, and the
 * bare start of the same program, from spawn until it has answered `initialize` and was told that it is initialized.
 * @param command the program as a client would start it itself
 */
export async function measureWakes(
  subject: Subject,
  command: readonly string[],
  rounds: number,
): Promise<Wakes> {
  const session = await openSession(subject)
  const wakes: Wakes = { raw: [], legacy: [], modern: [] }
  const call: Record<Kind, () => Promise<unknown>> = {
    raw: () => startRaw(command),
    legacy: () => postCall(subject, 'legacy', session),
    modern: () => postCall(subject, 'modern'),
  }
  await call.modern()
  await call.legacy()
  for (let round = -WARM_UP; round < rounds; round++) {
    await allAsleep(subject)
    for (let turn = 0; turn < KINDS.length; turn++) {
      const kind = KINDS[(round + WARM_UP + turn) % KINDS.length] ?? 'raw'
      const start = performance.now()
      const came = await call[kind]()
      const took = performance.now() - start
      if (round >= 0) wakes[kind].push(took)
      if (typeof came === 'function') await came()
      await Bun.sleep(REST_MS)
    }
  }
  return wakes
}

/** Waits until the subject has no children and the machine is at rest. */
async function allAsleep({ name, pid }: Subject): Promise<void> {
  const until = performance.now() + ASLEEP_MS
  while (readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() !== '') {
    if (performance.now() > until) throw new Error(`${name}: a child does not go to sleep`)
    await Bun.sleep(REST_MS)
  }
  await Bun.sleep(REST_MS)
}

/** Starts a program as a client over stdio does and resolves when it is ready; returns how to end it. */
async function startRaw(command: readonly string[]): Promise<() => Promise<void>> {
  const child = Bun.spawn([...command], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
  })
  child.stdin.write(`${JSON.stringify(INITIALIZE)}\n`)
  await child.stdin.flush()
  const reader = child.stdout.getReader()
  for (let line = ''; !line.includes('\n'); ) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`${command[0]} did not answer initialize`)
    line += Buffer.from(value).toString()
  }
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  await child.stdin.flush()
  return async () => {
    await reader.cancel()
    await child.stdin.end()
    await child.exited
  }
}
