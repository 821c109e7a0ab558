import type { AnswerFilter } from './proxy.ts'

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'

/** Where the chunk ends that has the end of the first event in it, counted from the body's start; -1 if it is not all there. */
export function endOfFirstEvent(body: Buffer): number {
  let at = 0
  for (;;) {
    const line = body.indexOf('\r\n', at)
    if (line < 0) return -1
    const data = line + 2
    const end = data + Number.parseInt(body.toString('latin1', at, line), 16)
    if (body.length < end + 2) return -1
    if (body.subarray(data, end).includes('\n\n')) return end + 2
    at = end + 2
  }
}

/**
 * Ends each event stream that answers a POST after its first event, in good order, as a server does that wants its
 * client to come back (SEP-1699) and as many a proxy does without being asked.
 */
export function createStreamCutter(): AnswerFilter {
  let answer = Buffer.alloc(0)
  return (bytes, head) => {
    if (!head.startsWith('POST ')) return { pass: bytes, end: false }
    answer = Buffer.concat([answer, bytes])
    const headEnd = answer.indexOf(HEAD_END)
    const isStream = /^content-type: *text\/event-stream/im.test(
      answer.toString('latin1', 0, Math.max(headEnd, 0)),
    )
    const pass = answer
    if (headEnd < 0) return { pass: Buffer.alloc(0), end: false }
    if (!isStream) {
      answer = Buffer.alloc(0)
      return { pass, end: false }
    }
    const bodyAt = headEnd + HEAD_END.length
    const cut = endOfFirstEvent(answer.subarray(bodyAt))
    if (cut < 0) return { pass: Buffer.alloc(0), end: false }
    return {
      pass: Buffer.concat([answer.subarray(0, bodyAt + cut), Buffer.from(LAST_CHUNK)]),
      end: true,
    }
  }
}
