import { startHeadProxy } from '../conformance/proxy.ts'
import { openWorld, type WorldOptions } from '../e2e/world.ts'

/** A request as the client sent it: what it asked for, and what it said of itself. */
export interface Seen {
  /** Method and path without the query. */
  what: string
  authorization: string | undefined
  sessionId: string | undefined
}

const field = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1]?.trim()

/**
 * A world behind a reverse proxy that writes down the requests: clients know its address only, which is the public URL.
 */
export async function openFront(options: WorldOptions) {
  const seen: Seen[] = []
  let target = 0
  const proxy = await startHeadProxy(
    () => target,
    (head) => {
      const [method = '', url = ''] = head.split(' ', 2)
      seen.push({
        what: `${method} ${url.split('?')[0]}`,
        authorization: field(head, 'authorization'),
        sessionId: field(head, 'mcp-session-id'),
      })
      return head
    },
  )
  const url = `http://127.0.0.1:${proxy.port}`
  try {
    const env = { ...options.env, FJMCP_BROKER_PUBLIC_URL: url }
    const world = await openWorld({ ...options, env })
    target = Number(new URL(world.url).port)
    world.forgejo.app.redirectUris.push(`${url}/oauth/callback`)
    return {
      world,
      /** What a client is given. */
      mcpUrl: `${url}/mcp`,
      seen,
      async [Symbol.asyncDispose]() {
        await world[Symbol.asyncDispose]()
        await proxy.stop()
      },
    }
  } catch (error) {
    await proxy.stop()
    throw error
  }
}

export type Front = Awaited<ReturnType<typeof openFront>>

/** The ids of the sessions that were used on /mcp, in the order of their first use. */
export const sessionsUsed = ({ seen }: Front): string[] => [
  ...new Set(seen.flatMap(({ sessionId }) => (sessionId === undefined ? [] : [sessionId]))),
]

/** Ends a session behind its client's back, as another process of the client could. */
export async function endSession({ seen, world }: Front, sessionId: string): Promise<void> {
  const used = seen.findLast((each) => each.sessionId === sessionId && each.authorization)
  const answer = await fetch(world.mcpUrl, {
    method: 'DELETE',
    headers: { Authorization: used?.authorization ?? '', 'Mcp-Session-Id': sessionId },
  })
  await answer.body?.cancel()
  if (answer.status !== 204) throw new Error(`DELETE answers ${answer.status}`)
}
