import { elements, skipSpace } from './scan.ts'

/** A message of a child: its source, and what that says. */
export interface ChildMessage {
  text: string
  value: unknown
}

/** The messages of a line, one or a batch; undefined when the line is no JSON. */
export function readLine(line: string): ChildMessage[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return [{ text: line, value }]
  return elements(line, skipSpace(line, 0)).map(({ start, end }, index) => ({
    text: line.slice(start, end),
    value: value[index],
  }))
}

/** Takes a request back, in either direction; `requestId` is the receiver's. */
export const cancelled = (requestId: number, reason: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId, reason },
  })
