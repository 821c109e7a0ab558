import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openWorld } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { type AnswerFilter, startTokenProxy } from './proxy.ts'

const PACKAGE = join(
  import.meta.dir,
  '..',
  '..',
  'node_modules',
  '@modelcontextprotocol',
  'conformance',
)
const SUITE = join(PACKAGE, 'dist', 'index.js')

/** Longest time that one scenario may take, in ms. */
const SCENARIO_MS = 20_000
/** Longest time that the whole suite may take, in ms. */
export const SUITE_MS = 180_000

export type Revision = '2025-11-25' | '2026-07-28'

/** One check of a scenario, as the suite writes it to checks.json. */
export interface Check {
  id: string
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
  details?: Record<string, unknown>
}

interface Requirements {
  server: string[]
  not_scored: { scenario: string; leg: string; reason: string }[]
}

/** The scenarios that a revision asks of a server, and those that run without being asked for, extensions left out. */
export function scenariosOf(revision: Revision): { required: string[]; unscored: string[] } {
  const path = join(PACKAGE, 'requirements', `${revision}.yaml`)
  const { server, not_scored } = Bun.YAML.parse(readFileSync(path, 'utf8')) as Requirements
  const unscored = not_scored
    .filter(({ leg, reason }) => leg === 'server' && reason !== 'extension')
    .map(({ scenario }) => scenario)
  return { required: server, unscored }
}

/** Runs the suite's command line under this Bun, to its end; throws when it does not come to one. */
export async function runSuite(args: string[], limitMs = SUITE_MS): Promise<string> {
  const run = Bun.spawn([process.execPath, SUITE, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text()])
  await run.exited
  if (run.signalCode !== null) throw new Error(`the suite was stopped: ${stdout}${stderr}`)
  return stdout + stderr
}

/** The checks of every scenario that a run has written to `folder`, by the scenario's name. */
export function readChecks(folder: string): Map<string, Check[]> {
  const checks = new Map<string, Check[]>()
  for (const name of readdirSync(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT.*$/.exec(name)?.[1]
    if (scenario === undefined) continue
    const path = join(folder, name, 'checks.json')
    const crashed: Check = { id: scenario, status: 'FAILURE', errorMessage: 'it did not end' }
    checks.set(scenario, existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [crashed])
  }
  return checks
}

export interface ServerRun {
  checks: Map<string, Check[]>
  output: string
}

export interface ServerRunOptions {
  /** The child; the plain one that the suite wants unless said otherwise. */
  binary?: string
  /** Runs this scenario only. */
  only?: string
  /** More environment for the broker. */
  env?: Record<string, string>
  /** What stands between the broker's answers and the suite. */
  createFilter?: () => AnswerFilter
}

/**
 * Runs the server scenarios of a revision through the bearer gate of a broker process, over the child that the suite
 * wants.
 */
export async function runServerSuite(
  revision: Revision,
  { only, env = {}, createFilter, binary }: ServerRunOptions = {},
): Promise<ServerRun> {
  await using world = await openWorld({
    program: FROM_SOURCE,
    binary: binary ?? (await conformanceBinary()),
    env,
  })
  const client = await world.login('alice', { client: 'Conformance' })
  const proxy = await startTokenProxy(
    Number(new URL(world.url).port),
    () => client.tokens.access_token,
    createFilter,
  )
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'))
  try {
    const output = await runSuite([
      'server',
      ...['--url', `http://localhost:${proxy.port}/mcp`],
      ...(only
        ? ['--scenario', only, '--spec-version', revision, '--force']
        : ['--requirements', revision]),
      ...['--timeout', String(SCENARIO_MS), '-o', folder],
    ])
    return { checks: readChecks(folder), output }
  } finally {
    await proxy.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
