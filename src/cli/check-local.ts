import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createSpawn } from '../child/child.ts'
import { childEnv } from '../child/env.ts'
import { SECOND_MS, sleep, systemClock, TIMED_OUT, within } from '../clock.ts'
import type { Config } from '../config.ts'
import { randomToken } from '../crypto.ts'
import { OperatorError } from '../errors.ts'
import { describe, silentLog } from '../log.ts'
import { LEGACY_VERSIONS } from '../mcp/era.ts'
import { lockStore } from '../store/lock.ts'
import { CLI_BUSY_MS, openStore } from '../store/open.ts'
import { toolFindings } from './check-tools.ts'
import { keyPathOf, loadKeys, openSealer } from './key.ts'
import { findBinary } from './probes.ts'

/** What a check found. A `fail` stops the broker from working; a `warn` is worth knowing. */
export interface Finding {
  state: 'ok' | 'warn' | 'fail' | 'skip'
  /** What was looked at, and how it is. */
  text: string
  /** How to mend it. */
  hint?: string
}

const SPEAK_MS = 10 * SECOND_MS

/** Whether another process holds the store's lock: a broker runs. */
export function brokerRuns(storePath: string): boolean {
  if (!existsSync(storePath)) return false
  try {
    lockStore(storePath)()
    return false
  } catch (error) {
    if (error instanceof OperatorError) return true
    throw error
  }
}

/** The store: there or to be made, writable, and opened by its key, whose file nobody else may read. */
export function checkStore(config: Config): Finding[] {
  const path = resolve(config.storePath)
  const where = existsSync(path) ? path : dirname(path)
  try {
    accessSync(where, constants.R_OK | constants.W_OK)
  } catch {
    return [
      {
        state: 'fail',
        text: `the store: ${where} cannot be written`,
        hint: 'give the broker a folder of its own: --store-path, or StateDirectory= in the unit',
      },
    ]
  }
  if (!existsSync(path)) {
    return [
      {
        state: 'ok',
        text: `the store: ${path} will be made at the first start, with its key beside it`,
      },
    ]
  }
  try {
    const store = openStore({ path, clock: systemClock, busyTimeoutMs: CLI_BUSY_MS })
    try {
      openSealer(loadKeys(config), store, systemClock.now())
      const missing = store.admin
        .accounts()
        .filter(({ scopes }) => scopes !== null && !scopes.includes('all'))
        .filter(({ scopes }) => config.forgejoScopes.some((scope) => !scopes?.includes(scope)))
      const from = config.key ? 'FJMCP_BROKER_KEY' : keyPathOf(path)
      return [
        { state: 'ok', text: `the store: ${path} opens, and ${from} is its key` },
        ...missing.map(
          ({ login }): Finding => ({
            state: 'warn',
            text: `${login}: Forgejo granted fewer scopes than are configured, because it keeps an older grant's`,
            hint: `${login} revokes the application at ${config.forgejoUrl}/user/settings/applications and logs in again`,
          }),
        ),
      ]
    } finally {
      store.close()
    }
  } catch (error) {
    const hint = error instanceof OperatorError ? error.hint : 'restore a backup'
    return [{ state: 'fail', text: `the store: ${describe(error)}`, hint }]
  }
}

/** The child's program: there, starts, and speaks MCP; tried against a Forgejo that only tells its version. */
export async function checkChild(
  config: Config,
  forgejoVersion: string | undefined,
): Promise<Finding[]> {
  const binary = findBinary(config.forgejoMcpBinary, process.env)
  if (!binary) {
    return [
      {
        state: 'fail',
        text: `forgejo-mcp: ${config.forgejoMcpBinary} is not there or may not be run`,
        hint: 'install forgejo-mcp and name it with --forgejo-mcp-binary',
      },
    ]
  }
  const forgejo = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => Response.json({ version: forgejoVersion ?? '15.0.3+gitea-1.22.0' }),
  })
  const home = mkdtempSync(join(tmpdir(), 'fjmcp-check-'))
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: LEGACY_VERSIONS[0],
      capabilities: {},
      clientInfo: { name: 'fjmcp-broker check', version: '1' },
    },
  }
  try {
    const answered = Promise.withResolvers<Finding[]>()
    let greeting: Finding | undefined
    const failed = (text: string): Finding => ({
      state: 'fail',
      text: `forgejo-mcp: ${binary} ${text}`,
      hint: 'run it by hand: forgejo-mcp --version',
    })
    const child = createSpawn({ clock: systemClock, log: silentLog })(
      {
        binary,
        args: ['--transport', 'stdio', '--url', `http://127.0.0.1:${forgejo.port}`],
        env: childEnv(process.env, { HOME: home, FORGEJO_ACCESS_TOKEN: randomToken() }),
        cwd: home,
        maxLineBytes: config.maxBodyBytes,
        secrets: [],
      },
      {
        line(text) {
          if (greeting) return answered.resolve([greeting, ...toolFindings(text)])
          greeting = readAnswer(text, binary)
          if (!greeting) return answered.resolve([failed('did not answer initialize')])
          child.send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
          child.send('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
        },
        oversize: () => answered.resolve([failed('said a line over the cap')]),
        muted: () => {},
        noise: () => {},
        exited: ({ stderrTail }) =>
          answered.resolve([
            failed(`ended before it spoke: ${stderrTail.trim().split('\n').at(-1)}`),
          ]),
      },
    )
    child.send(JSON.stringify(initialize))
    const findings = await within(systemClock, SPEAK_MS, answered.promise)
    await Promise.race([child.stop(), sleep(systemClock, SPEAK_MS)])
    if (findings !== TIMED_OUT) return findings
    return [greeting ?? failed(`said nothing for ${SPEAK_MS / SECOND_MS} s`)]
  } catch (error) {
    return [
      {
        state: 'fail',
        text: `forgejo-mcp: ${describe(error)}`,
        hint: 'is it built for this machine?',
      },
    ]
  } finally {
    await forgejo.stop(true)
    rmSync(home, { recursive: true, force: true })
  }
}

function readAnswer(line: string, binary: string): Finding | undefined {
  const { result } = JSON.parse(line) as {
    result?: { protocolVersion?: string; serverInfo?: { name?: string; version?: string } }
  }
  if (!result?.protocolVersion) return undefined
  const { name = 'unnamed', version = '?' } = result.serverInfo ?? {}
  return {
    state: 'ok',
    text: `forgejo-mcp: ${binary} is ${name} ${version} and speaks MCP ${result.protocolVersion}`,
  }
}
