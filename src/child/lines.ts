/** What a LineSplitter tells: complete lines as text, and lines that were too long to keep. */
export interface LineHandlers {
  /** A complete line without its newline; bytes that are not UTF-8 arrive as U+FFFD. */
  line(text: string): void
  /** A line grew over the cap: told once, when that is known; the rest of it is skipped. */
  oversize(): void
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
const EMPTY = new Uint8Array(0)

/**
 * Cuts a byte stream into lines at each newline, a `\r` before it removed.
 * A line of more than `maxBytes` bytes is never held: its memory is freed as soon as it is known to be too long.
 */
export function createLineSplitter(maxBytes: number, handlers: LineHandlers): LineSplitter {
  /** What has come of an unfinished line: blocks that are full, and the one that is being filled. */
  let full: Uint8Array[] = []
  let block: Uint8Array = EMPTY
  let filled = 0
  let length = 0
  let skipping = false

  /** Copies a part in: it is a view of a chunk that may be much larger. */
  function hold(part: Uint8Array): void {
    length += part.length
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

  const held = (): Uint8Array => {
    const last = block.subarray(0, filled)
    return full.length === 0 ? last : Buffer.concat([...full, last], length)
  }

  function release(): void {
    full = []
    length = 0
    filled = 0
    if (block.length > KEPT_BLOCK_BYTES) block = EMPTY
  }

  /** Takes a part of a line; false once the line is over the cap. */
  function fits(part: Uint8Array): boolean {
    if (skipping) return false
    if (length + part.length <= maxBytes) return true
    skipping = true
    release()
    handlers.oversize()
    return false
  }

  return {
    push(chunk) {
      let from = 0
      let at = chunk.indexOf(NEWLINE)
      while (at >= 0) {
        const part = chunk.subarray(from, at)
        if (fits(part)) {
          if (length > 0) hold(part)
          const text = decode(length > 0 ? held() : part)
          release()
          handlers.line(text)
        }
        skipping = false
        from = at + 1
        at = chunk.indexOf(NEWLINE, from)
      }
      const rest = chunk.subarray(from)
      if (rest.length > 0 && fits(rest)) hold(rest)
    },

    end() {
      const unfinished = length > 0
      release()
      block = EMPTY
      return unfinished
    },
  }
}

function decode(bytes: Uint8Array): string {
  const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8')
}

/** Lines up to this many characters are parsed to see whether they are JSON; of longer ones only both ends are looked at. */
const MAX_PARSED_CHARS = 64 * 1024

/** Reads a line that can be a JSON-RPC message, an object or a batch; `value` is missing for a long one. */
export function readMessage(line: string): { value?: unknown } | undefined {
  if (!/^[ \t]*[[{]/.test(line) || !/[\]}][ \t]*$/.test(line.slice(-64))) return undefined
  if (line.length > MAX_PARSED_CHARS) return {}
  try {
    return { value: JSON.parse(line) }
  } catch {
    return undefined
  }
}
