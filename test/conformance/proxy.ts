import { connect, createServer, type Socket } from 'node:net'

const HEAD_END = '\r\n\r\n'
/** Longest head of a request that is read, in bytes. */
const MAX_HEAD_BYTES = 65_536

/** Looks at the bytes of one connection's answers, the last request's head beside them: what passes, and whether that is all. */
export type AnswerFilter = (bytes: Buffer, head: string) => { pass: Buffer; end: boolean }

/**
 * A proxy on a port of its own that lets each request's head be looked at or changed, and changes nothing else: what
 * speaks HTTP itself would spoil Host, Origin, header case, streams and time. Bytes of the answer pass as they come,
 * but for what a filter (one for each connection) holds back; a connection that ends on one side ends on the other.
 */
export async function startHeadProxy(
  port: () => number,
  rewrite: (head: string) => string,
  createFilter?: () => AnswerFilter,
) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: port() })
    let lastHead = ''
    const rewritten = createHeadRewriter((head) => {
      lastHead = head
      return rewrite(head)
    })
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (bytes) => {
      try {
        for (const piece of rewritten(Buffer.from(bytes))) broker.write(piece)
      } catch (error) {
        client.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
    const filter = createFilter?.()
    if (filter === undefined) return broker.pipe(client)
    broker.on('data', (bytes) => {
      const { pass, end } = filter(Buffer.from(bytes), lastHead)
      client.write(pass)
      if (end) client.end(() => broker.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stop(): Promise<void> {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** A proxy that adds a bearer token to each request: the suite has no option for headers. */
export const startTokenProxy = (
  port: number,
  token: () => string,
  createFilter?: () => AnswerFilter,
) =>
  startHeadProxy(
    () => port,
    (head) => authorized(head, token()),
    createFilter,
  )

/** The head with the token in, whatever Authorization it had. */
function authorized(head: string, token: string): string {
  const [first = '', ...fields] = head.split('\r\n')
  const others = fields.filter((field) => !/^authorization:/i.test(field))
  return [first, `Authorization: Bearer ${token}`, ...others].join('\r\n')
}

/** Splits the bytes of one connection into heads, which are rewritten, and bodies, which pass. */
export function createHeadRewriter(rewrite: (head: string) => string) {
  let head = Buffer.alloc(0)
  let bodyLeft = 0
  return function* (bytes: Buffer): Generator<Buffer> {
    let rest = bytes
    while (rest.length > 0) {
      if (bodyLeft > 0) {
        const body = rest.subarray(0, bodyLeft)
        bodyLeft -= body.length
        rest = rest.subarray(body.length)
        yield body
        continue
      }
      head = Buffer.concat([head, rest])
      const end = head.indexOf(HEAD_END)
      if (end < 0 && head.length > MAX_HEAD_BYTES) throw new Error('a head without an end')
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      rest = head.subarray(end + HEAD_END.length)
      head = Buffer.alloc(0)
      if (/^transfer-encoding:/im.test(text)) throw new Error('chunked requests are not expected')
      bodyLeft = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)
      yield Buffer.from(rewrite(text) + HEAD_END, 'latin1')
    }
  }
}
