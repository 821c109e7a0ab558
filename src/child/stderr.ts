import { stripVTControlCharacters } from 'node:util'
import { redact, withoutSecrets } from '../log.ts'
import { createMask } from './mask.ts'

export interface StderrReader {
  push(chunk: Uint8Array): void
  end(): void
  /** The last lines that say something, at most MAX_TAIL_CHARS characters, secrets replaced. */
  tail(): string
}

/** Most characters of one line that are kept; the rest of the line is dropped. */
const MAX_LINE_CHARS = 2048
/** Lines held back for the tail. */
const KEPT_LINES = 40
const MAX_TAIL_LINES = 6
const MAX_TAIL_CHARS = 2048

/** A frame of a Go or JavaScript stack trace. */
const FRAME = /^\s+(?:\S+\.(?:go|s):\d+|at )/
/** The line above a Go frame: what was called. */
const CALLED = /^(?:created by .*|\S+)$/

/**
 * Reads a child's standard error for as long as it lasts, in bounded memory. Terminal colours are removed, the
 * child's secrets and every token-looking text replaced, wherever chunks and lines were cut. `line` gets each line.
 */
export function createStderrReader(
  secrets: readonly string[],
  line: (text: string) => void,
): StderrReader {
  const decoder = new TextDecoder()
  const mask = createMask(secrets)
  const lines: string[] = []
  let partial = ''
  let cut = false

  function add(text: string): void {
    const room = MAX_LINE_CHARS - partial.length
    if (text.length > room) cut = true
    partial += text.slice(0, room)
  }

  function finish(): void {
    // The end of a cut line may be the first half of a token, which no pattern would know.
    const whole = cut ? `${partial.replace(/[\w.~+/=-]+$/, '')} [cut]` : partial
    partial = ''
    cut = false
    const plain = stripVTControlCharacters(whole).trimEnd()
    if (plain === '') return
    const clean = redact(withoutSecrets(plain, secrets))
    lines.push(clean)
    if (lines.length > KEPT_LINES) lines.shift()
    line(clean)
  }

  function take(text: string): void {
    const [first = '', ...rest] = text.split('\n')
    add(first)
    for (const next of rest) {
      finish()
      add(next)
    }
  }

  return {
    push: (chunk) => take(mask.push(decoder.decode(chunk, { stream: true }))),
    end() {
      take(mask.push(decoder.decode()) + mask.end())
      finish()
    },
    tail: () => meaningful(lines).slice(-MAX_TAIL_LINES).join('\n').slice(-MAX_TAIL_CHARS),
  }
}

/** Without stack frames, each of which is a function's name and a place below it. */
function meaningful(lines: readonly string[]): readonly string[] {
  const kept = lines.filter(
    (text, at) => !FRAME.test(text) && !(CALLED.test(text) && FRAME.test(lines[at + 1] ?? '')),
  )
  return kept.length > 0 ? kept : lines
}
