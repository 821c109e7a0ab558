import type { FileSink } from 'bun'

/** Most bytes that wait for a child that does not read; one line is always taken when nothing waits. */
export const MAX_QUEUED_BYTES = 40 * 1024 * 1024

export interface Input {
  /** Writes one line, the newline added. False when it was not taken: the child is gone, its input closed, or too much waits. */
  send(line: string): boolean
  /** Closes the child's standard input; what was taken before still goes out. */
  close(): void
}

/**
 * A child's standard input: never throws, never rejects, never holds more than its cap. Loss shows in `broke` and in
 * the child's exit. Lines that come in one turn of the event loop are written together, because a write costs as much
 * as a line; the very first goes at once, so that a child has it when it is ready to read.
 * @param broke called once when the child takes nothing more although nobody closed its input
 */
export function createInput(sink: FileSink, broke: () => void = () => {}): Input {
  let open = true
  let ended = false
  let spoken = false
  /** Taken in this turn. */
  let gathered = ''
  /** Bytes that were taken and are not known to be written. */
  let queued = 0
  let waiting: Promise<unknown> | undefined

  function fail(): void {
    if (!open) return
    open = false
    broke()
  }

  function write(): void {
    if (gathered === '') return
    const text = gathered
    gathered = ''
    let written: unknown = true
    try {
      written = sink.write(text)
    } catch {
      // Most likely the child is gone.
    }
    if (written === true) {
      fail()
      return
    }
    if (!(written instanceof Promise)) {
      if (waiting === undefined) queued = 0
      return
    }
    if (waiting === written) return
    waiting = written
    written.then(() => {
      waiting = undefined
      queued = Buffer.byteLength(gathered)
    }, fail)
  }

  return {
    send(line) {
      // A second line in one would be a message that nobody checked.
      if (!open || line.includes('\n')) return false
      const bytes = Buffer.byteLength(line) + 1
      if (queued > 0 && queued + bytes > MAX_QUEUED_BYTES) return false
      queued += bytes
      if (gathered === '' && spoken) setImmediate(write)
      gathered += `${line}\n`
      if (!spoken) write()
      spoken = true
      return open
    },

    close() {
      if (ended) return
      ended = true
      if (open) write()
      open = false
      try {
        const closed: unknown = sink.end()
        if (closed instanceof Promise) closed.catch(() => {})
      } catch {
        // The child is gone; its exit says so.
      }
    },
  }
}
