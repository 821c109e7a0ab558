/** What a LineSplitter tells: complete lines as text, and lines that were too long to keep. */
export interface LineHandlers {
  /** A complete line without its newline; bytes that are not UTF-8 arrive as U+FFFD. */
  line(text: string): void
  /** A line grew over the cap: told once, when that is known, with how it begins; the rest of it is skipped. */
  oversize(head: string): void
}

export interface LineSplitter {
  push(chunk: Uint8Array): void
  /** Ends the input. Returns whether an unterminated line was left; it is dropped, because it may be cut short. */
  end(): boolean
}

const NEWLINE = 10
const CARRIAGE_RETURN = 13
const SMALLEST_BLOCK_BYTES = 4 * 1024
const LARGEST_BLOCK_BYTES = 256 * 1024
/** A larger block is given back after its line. */
const KEPT_BLOCK_BYTES = 64 * 1024
/** A part of so many bytes is not copied into a block. */
const LARGE_PART_BYTES = 16 * 1024
/** So much of a line over the cap is told. */
const HEAD_BYTES = 512
const EMPTY = new Uint8Array(0)

/**
 * Cuts a byte stream into lines at each newline, a `\r` before it removed.
 * A line of more than `maxBytes` bytes is never held: its memory is freed as soon as it is known to be too long.
 */
export function createLineSplitter(maxBytes: number, handlers: LineHandlers): LineSplitter {
  /** What has come of an unfinished line: parts and full blocks in order, and the block that is being filled. */
  let full: Uint8Array[] = []
  let block: Uint8Array = EMPTY
  let filled = 0
  let length = 0
  let skipping = false

  /** Takes a part in: by copy, unless it is most of the chunk that it is a view of. */
  function hold(part: Uint8Array): void {
    length += part.length
    if (part.length >= LARGE_PART_BYTES && 2 * part.length >= part.buffer.byteLength) {
      if (filled > 0) full.push(block.subarray(0, filled))
      full.push(part)
      block = EMPTY
      filled = 0
      return
    }
    let rest = part
    while (rest.length > 0) {
      if (filled === block.length) {
        if (filled > 0) full.push(block)
        const size = Math.min(Math.max(2 * filled, SMALLEST_BLOCK_BYTES), LARGEST_BLOCK_BYTES)
        block = Buffer.allocUnsafeSlow(size)
        filled = 0
      }
      const piece = rest.subarray(0, block.length - filled)
      block.set(piece, filled)
      filled += piece.length
      rest = rest.subarray(piece.length)
    }
  }

  const held = (): Buffer => Buffer.concat([...full, block.subarray(0, filled)], length)

  function release(): void {
    full = []
    length = 0
    filled = 0
    if (block.length > KEPT_BLOCK_BYTES) block = EMPTY
  }

  /** How the line begins whose next part is given; concat cuts off what is more. */
  function head(part: Uint8Array): string {
    const size = Math.min(length + part.length, HEAD_BYTES)
    return Buffer.concat([...full, block.subarray(0, filled), part], size).toString()
  }

  /** Whether a line may go on with a part of a chunk; false once it is over the cap. */
  function fits(bytes: Buffer, from: number, to: number): boolean {
    if (skipping) return false
    if (length + to - from <= maxBytes) return true
    skipping = true
    const begins = head(bytes.subarray(from, to))
    release()
    handlers.oversize(begins)
    return false
  }

  /** The line whose last part are the first `end` bytes of a chunk. */
  function rest(bytes: Buffer, end: number): string {
    hold(bytes.subarray(0, end))
    const text = decode(held(), 0, length)
    release()
    return text
  }

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      let from = 0
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
        if (fits(bytes, from, at))
          handlers.line(length > 0 ? rest(bytes, at) : decode(bytes, from, at))
        skipping = false
        from = at + 1
      }
      if (from < bytes.length && fits(bytes, from, bytes.length)) hold(bytes.subarray(from))
    },

    end() {
      const unfinished = length > 0
      release()
      block = EMPTY
      return unfinished
    },
  }
}

function decode(bytes: Buffer, start: number, end: number): string {
  const cut = end > start && bytes[end - 1] === CARRIAGE_RETURN ? 1 : 0
  return bytes.toString('utf8', start, end - cut)
}

/** Lines up to this many characters are parsed to see whether they are JSON; of longer ones only both ends are looked at. */
const MAX_PARSED_CHARS = 64 * 1024

const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t'

/** Whether a line opens and closes as an object or an array does. */
function isEnclosed(line: string): boolean {
  let first = 0
  while (isBlank(line[first])) first++
  let last = line.length - 1
  while (isBlank(line[last])) last--
  const open = line[first]
  const close = line[last]
  return (open === '{' || open === '[') && (close === '}' || close === ']')
}

/** Reads a line that can be a JSON-RPC message, an object or a batch; `value` is missing for a long one. */
export function readMessage(line: string): { value?: unknown } | undefined {
  if (!isEnclosed(line)) return undefined
  if (line.length > MAX_PARSED_CHARS) return {}
  try {
    return { value: JSON.parse(line) }
  } catch {
    return undefined
  }
}
