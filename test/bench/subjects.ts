import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, removeFolder, startBroker } from '../fixtures/broker.ts'
import { startForgejo } from '../fixtures/forgejo/server.ts'
import { connectV1, createProvider } from '../fixtures/mcp-client.ts'
import type { Era } from './measure.ts'
import { PEERS, peerCommand } from './programs.ts'

/** A bridge that runs and waits for calls. */
export interface Subject {
  readonly name: string
  /** Which clients it serves over the child that it has. */
  readonly eras: readonly Era[]
  /** What it runs on. */
  readonly runtime: string
  readonly port: number
  /** Headers that every request needs beyond those of MCP. */
  readonly headers: Record<string, string>
  /** Its own process, without children. */
  readonly pid: number
  /** Resident memory of that process, in MB. */
  rss(): number
  stop(): Promise<void>
}

/** The broker as a subject, and the Forgejo that it was told of. */
export interface BrokerSubject extends Subject {
  readonly forgejoUrl: string
}

const BOTH: readonly Era[] = ['legacy', 'modern']

/** Longest time from start to an open port, in milliseconds. */
const START_MS = 20_000

/** Resident memory of a process, in MB. */
const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** The broker with a person logged in, in relay mode; its Forgejo is the stand-in in this process. */
export async function startBrokerSubject(
  program: string[],
  runtime: string,
  child: string,
  env: Record<string, string> = {},
): Promise<BrokerSubject> {
  const forgejo = await startForgejo()
  const port = freePort()
  const app = forgejo.registerApp({
    redirectUris: [`http://127.0.0.1:${port}/oauth/callback`],
    confidential: true,
  })
  const broker = await startBroker({
    forgejoUrl: forgejo.url,
    clientId: app.clientId,
    clientSecret: app.clientSecret,
    forgejoMcpBinary: child,
    program,
    port,
    env: { FJMCP_BROKER_DEBUG: 'false', ...env },
  })
  const provider = createProvider({ user: 'alice', password: 'password' }, 'Bench')
  const { client, transport } = await connectV1(`${broker.url}/mcp`, provider)
  await transport.terminateSession()
  await client.close()
  return {
    name: 'fjmcp-broker, bearer checked',
    eras: BOTH,
    runtime,
    port,
    forgejoUrl: forgejo.url,
    headers: { Authorization: `Bearer ${provider.saved.tokens.access_token}` },
    pid: broker.pid,
    rss: () => residentMb(broker.pid),
    async stop() {
      await broker.stop()
      removeFolder(broker.folder)
      await forgejo.stop()
    },
  }
}

/** The bridge of bare.ts. */
export const startBare = (child: string): Promise<Subject> =>
  startProgram('bare Bun bridge', `bun ${Bun.version}`, ['legacy'], (port) => [
    process.execPath,
    join(import.meta.dir, 'bare.ts'),
    String(port),
    child,
  ])

/**
 * Supergateway in its stateful Streamable HTTP mode. Over a child that is of 2026-07-28 itself it serves clients of that
 * revision, with a child for each request; over another one they fall back to a session.
 */
export function startSupergateway(child: string, era: Era): Promise<Subject> {
  const { command, runtime } = peerCommand('supergateway')
  const over = era === 'modern' ? ', a stateless child per request' : ''
  const name = `supergateway ${PEERS.supergateway.version}${over}`
  return startProgram(name, runtime, [era], (port) => [
    ...command,
    ...['--stdio', child, '--outputTransport', 'streamableHttp', '--stateful'],
    ...['--port', String(port), '--logLevel', 'none'],
  ])
}

/** mcp-proxy in its stateful Streamable HTTP mode, which is its default, as is that it serves both eras. */
export function startMcpProxy(child: string): Promise<Subject> {
  const { command, runtime } = peerCommand('mcp-proxy')
  const name = `mcp-proxy ${PEERS['mcp-proxy'].version}`
  return startProgram(name, runtime, BOTH, (port) => [
    ...command,
    ...['--server', 'stream', '--host', '127.0.0.1', '--port', String(port), '--', child],
  ])
}

async function startProgram(
  name: string,
  runtime: string,
  eras: readonly Era[],
  commandFor: (port: number) => string[],
): Promise<Subject> {
  const port = freePort()
  const running = Bun.spawn(commandFor(port), {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' },
  })
  const until = performance.now() + START_MS
  while (!(await answers(port))) {
    if (running.exitCode !== null || performance.now() > until) {
      running.kill('SIGKILL')
      throw new Error(`${name} did not start (exit code ${running.exitCode})`)
    }
    await Bun.sleep(50)
  }
  return {
    name,
    eras,
    runtime,
    port,
    headers: {},
    pid: running.pid,
    rss: () => residentMb(running.pid),
    async stop() {
      running.kill()
      if ((await Promise.race([running.exited, Bun.sleep(3_000)])) === undefined)
        running.kill('SIGKILL')
      await running.exited
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`).then(
    async (answer) => {
      await answer.body?.cancel()
      return true
    },
    () => false,
  )
