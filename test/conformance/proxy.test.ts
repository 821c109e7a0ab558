import { expect, test } from 'bun:test'
import { createHeadRewriter } from './proxy.ts'

const HEADS = [
  'POST /mcp HTTP/1.1\r\nHost: evil.example.com\r\nContent-Length: 5\r\nMcp-Method:  x',
  'GET /mcp HTTP/1.1\r\nhost: localhost',
]
const WIRE = `${HEADS[0]}\r\n\r\nhäy\r${HEADS[1]}\r\n\r\n`

test('the proxy touches heads only, however the bytes are cut', () => {
  const whole = Buffer.from(WIRE)
  for (let size = 1; size <= whole.length; size += 1) {
    const rewrite = createHeadRewriter((head) => head.toUpperCase())
    const out: Buffer[] = []
    for (let at = 0; at < whole.length; at += size)
      for (const piece of rewrite(whole.subarray(at, at + size))) out.push(Buffer.from(piece))
    const [post = '', get = ''] = HEADS.map((head) => head.toUpperCase())
    expect(Buffer.concat(out).toString()).toBe(`${post}\r\n\r\nhäy\r${get}\r\n\r\n`)
  }
})
