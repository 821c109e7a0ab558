import { expect } from 'bun:test'
import { type Child, type ChildExit, type ChildSpec, createSpawn } from '../../src/child/child.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Log } from '../../src/log.ts'
import { scriptedBinary } from '../fixtures/binary.ts'

export interface Observed {
  child: Child
  lines: string[]
  oversize: number
  noise: number
  /** How often it was said to take no more input. */
  muted: number
  exit: ChildExit | undefined
  /** How often `exited` was told. */
  exits: number
  /** What the log got, at every level, as text. */
  logged: string[]
  /** Resolves with the first line that `wanted` holds for, or fails after 10 s. */
  until(wanted: (line: string) => boolean): Promise<string>
  ready(): Promise<string>
}

const LIMIT_MS = 10_000
const STEP_MS = 5

/** Waits until `done` holds, or fails after 10 s. */
export async function eventually(done: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !done(); waited += STEP_MS) {
    if (waited > LIMIT_MS) throw new Error(`${what} did not happen`)
    await Bun.sleep(STEP_MS)
  }
}

/** Whether a process exists and is no zombie. */
export async function runs(pid: number): Promise<boolean> {
  const stat = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => '')
  return stat !== '' && !/^\d+ \(.*\) [ZX] /s.test(stat)
}

export async function gone(pid: number): Promise<void> {
  for (let waited = 0; await runs(pid); waited += STEP_MS) {
    if (waited > LIMIT_MS) throw new Error(`process ${pid} still runs`)
    await Bun.sleep(STEP_MS)
  }
}

function recordingLog(lines: string[]): Log {
  const at =
    (level: string) =>
    (event: string, fields: object = {}) => {
      lines.push(`${level} ${event} ${JSON.stringify(fields)}`)
    }
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => log,
  }
  return log
}

const started: Child[] = []

/** Starts a child that behaves as test/fixtures/child.ts says, or any program given in `spec`. */
export function start(
  behaviour: string[],
  spec: Partial<ChildSpec> = {},
  options: { graceMs?: number; clock?: Clock } = {},
): Observed {
  const logged: string[] = []
  const spawn = createSpawn({ clock: systemClock, log: recordingLog(logged), ...options })
  const seen: Observed = {
    child: undefined as unknown as Child,
    lines: [],
    oversize: 0,
    noise: 0,
    muted: 0,
    exit: undefined,
    exits: 0,
    logged,
    async until(wanted) {
      await eventually(() => seen.lines.some(wanted) || seen.exit !== undefined, 'the awaited line')
      const line = seen.lines.find(wanted)
      expect(line).toBeDefined()
      return line ?? ''
    },
    ready: () => seen.until((line) => line === '{"ready":true}'),
  }
  seen.child = spawn(
    {
      binary: scriptedBinary(...behaviour),
      args: ['--transport', 'stdio'],
      env: { PATH: process.env.PATH ?? '' },
      cwd: import.meta.dir,
      maxLineBytes: 1024 * 1024,
      secrets: [],
      ...spec,
    },
    {
      line: (text) => seen.lines.push(text),
      oversize: () => {
        seen.oversize += 1
      },
      noise: (count) => {
        seen.noise += count
      },
      muted: () => {
        seen.muted += 1
      },
      exited: (exit) => {
        seen.exit = exit
        seen.exits += 1
      },
    },
  )
  started.push(seen.child)
  return seen
}

/** Ends whatever a test left running. */
export async function stopAll(): Promise<void> {
  const children = started.splice(0)
  for (const child of children) child.kill()
  await Promise.all(children.map((child) => child.exited))
}
