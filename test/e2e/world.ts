import { realBinary, standInBinary } from '../fixtures/binary.ts'
import {
  type BrokerOptions,
  type BrokerProcess,
  brokerEnv,
  freePort,
  type Ran,
  removeFolder,
  runProgram,
  startBroker,
} from '../fixtures/broker.ts'
import { startForgejo } from '../fixtures/forgejo/server.ts'
import { childrenOf, type Process, stillAlive } from '../fixtures/processes.ts'
import { until } from '../fixtures/until.ts'
import { type Login, type LoginOptions, login } from './login.ts'

export interface WorldOptions {
  program: string[]
  /** The child; the stand-in with its test tools unless said otherwise. */
  binary?: string
  env?: Record<string, string>
  /** As most operators register it. */
  confidential?: boolean
}

export type World = Awaited<ReturnType<typeof openWorld>>

/** A Forgejo stand-in and a broker process in front of it. Dispose of it: nothing of it may outlive the test. */
export async function openWorld({ program, binary, env = {}, confidential = true }: WorldOptions) {
  const forgejo = await startForgejo()
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const app = forgejo.registerApp({ redirectUris: [`${url}/oauth/callback`], confidential })
  const options: BrokerOptions = {
    program,
    port,
    forgejoUrl: forgejo.url,
    clientId: app.clientId,
    clientSecret: app.clientSecret,
    forgejoMcpBinary: binary ?? standInBinary({ testTools: true }),
    env,
  }
  let broker: BrokerProcess
  try {
    broker = await startBroker(options)
  } catch (error) {
    await forgejo.stop()
    throw error
  }
  const { folder, storePath } = broker
  const logs: (() => string)[] = [broker.log]
  /** Every child that was seen, to make sure that none outlives the world. */
  const seen: Process[] = []

  const world = {
    forgejo,
    program,
    url,
    folder,
    storePath,
    mcpUrl: `${url}/mcp`,
    get broker() {
      return broker
    },

    /** The broker's children now. */
    children(): Process[] {
      const children = childrenOf(broker.pid)
      seen.push(...children)
      return children
    },

    /** What all brokers on this store have logged. */
    log: () => logs.map((log) => log()).join(''),

    /** Waits until something was logged. */
    logged: (text: string) => until(`logged: ${text}`, () => world.log().includes(text)),

    /** Starts a broker on the store; `more` joins its environment for good. */
    async start(more: Record<string, string> = {}): Promise<BrokerProcess> {
      options.env = { ...options.env, ...more }
      broker = await startBroker({ ...options, folder })
      logs.push(broker.log)
      return broker
    },

    /** Ends the broker and starts the next one on the same store and address. */
    async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
      world.children()
      await broker.stop(signal)
      await world.start()
    },

    /** The environment of a command that is run beside the broker. */
    env: () => brokerEnv(options, port, storePath),

    /** Runs a command line beside the broker, with its environment. */
    run: (args: string[], more: Record<string, string> = {}): Promise<Ran> =>
      runProgram(program, args, { env: { ...world.env(), ...more }, cwd: folder }),

    /** The same for a command that must succeed and writes JSON. */
    async json<T>(...args: string[]): Promise<T> {
      const { code, stdout, stderr } = await world.run([...args, '--json'])
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
      return JSON.parse(stdout) as T
    },

    /** A client that logs in from nothing, by hand. */
    login: (user: string, how: LoginOptions = {}): Promise<Login> => login(url, user, how),

    async [Symbol.asyncDispose](): Promise<void> {
      world.children()
      await broker.stop('SIGKILL')
      for (const { pid } of stillAlive(seen)) process.kill(pid, 'SIGKILL')
      await forgejo.stop()
      removeFolder(folder)
    },
  }
  return world
}

/** The real forgejo-mcp when it is here; the stand-in otherwise. */
export const someBinary = (): string => realBinary() ?? standInBinary()
