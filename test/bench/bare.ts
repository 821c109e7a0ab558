/**
 * The least that a stdio bridge can do: `bun bare.ts <port> <child>`. HTTP POST, parse, new id, stringify, child, parse,
 * id back, stringify, HTTP. One session, no checks, no bounds, no errors: the measure for what the broker's cost.
 */
const [port, program = ''] = process.argv.slice(2)
const child = Bun.spawn([program], { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
const waiting = new Map<number, (message: object) => void>()
let lastId = 0

async function readReplies(): Promise<void> {
  let parts: Buffer[] = []
  for await (const chunk of child.stdout) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end))
      const line = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      const message = JSON.parse(String(line))
      waiting.get(message.id)?.(message)
      waiting.delete(message.id)
      parts = []
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) parts.push(rest)
  }
}
void readReplies()

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  development: false,
  idleTimeout: 0,
  async fetch(request) {
    const message = JSON.parse(await request.text())
    if (message.id === undefined) return new Response(null, { status: 202 })
    const { id } = message
    message.id = ++lastId
    const reply = await new Promise<object>((resolve) => {
      waiting.set(message.id, resolve)
      child.stdin.write(`${JSON.stringify(message)}\n`)
    })
    return new Response(JSON.stringify({ ...reply, id }), {
      headers: { 'Content-Type': 'application/json', 'Mcp-Session-Id': 'bare' },
    })
  },
})
