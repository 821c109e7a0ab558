import { existsSync, unlinkSync } from 'node:fs'
import { createConnection } from 'node:net'
import { systemClock, within } from '../clock.ts'
import type { Listen } from '../config.ts'
import { OperatorError } from '../errors.ts'

/** A listener that is up. */
export interface Listening {
  /** Where it can be reached, for the log. */
  address: string
  /** Refuses new connections and waits for the open ones; resolves when all are closed. */
  drain(): Promise<void>
  /** Closes what is still open; safe to call after drain and twice. */
  close(): Promise<void>
}

type Server = Bun.Server<undefined>
type Fetch = (request: Request, server: Server) => Response | Promise<Response>

/** The longest that Bun allows. A client that vanished without a word costs a socket no longer than this. */
const IDLE_SECONDS = 255

/** Longest time for a probe of a socket file that another process may own, in milliseconds. */
const PROBE_MS = 500

/**
 * Serves `fetch` at an address. Throws OperatorError when the address is taken or cannot be bound.
 * A connection on which nothing moves is closed: event streams say something every 15 s, an upload must be done in time.
 */
export async function listen(at: Listen, maxBodyBytes: number, fetch: Fetch): Promise<Listening> {
  if (at.kind === 'unix') await clearStaleSocket(at.path)
  const shared = {
    fetch,
    development: false,
    idleTimeout: IDLE_SECONDS,
    // The route answers an over-long body itself; this is the wall behind it.
    maxRequestBodySize: maxBodyBytes + 64 * 1024,
  }
  let server: Server
  const umask = process.umask(0o117)
  try {
    server =
      at.kind === 'unix'
        ? Bun.serve({ ...shared, unix: at.path } as Bun.Serve.Options<undefined>)
        : Bun.serve({ ...shared, hostname: at.host, port: at.port, reusePort: false })
  } catch (error) {
    const address = at.kind === 'unix' ? at.path : `${at.host}:${at.port}`
    throw new OperatorError(
      `cannot listen on ${address}: ${(error as Error).message}`,
      'another process may be listening there; choose another address with --listen',
      1,
      error,
    )
  } finally {
    process.umask(umask)
  }
  return {
    address:
      at.kind === 'unix'
        ? `unix:${at.path}`
        : `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${server.port}`,
    async drain() {
      await server.stop()
    },
    async close() {
      await server.stop(true)
    },
  }
}

/** Removes a socket file that a killed process left behind; throws OperatorError when somebody answers on it. */
async function clearStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return
  const answered = await within(systemClock, PROBE_MS, connects(path))
  if (answered !== false)
    throw new OperatorError(
      `another process listens on ${path}`,
      'choose another address with --listen',
    )
  unlinkSync(path)
}

function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
