import type { FileSink } from 'bun'

/** Most bytes that wait for a child that does not read; one line is always taken when nothing waits. */
export const MAX_QUEUED_BYTES = 40 * 1024 * 1024

export interface Input {
  /** Writes one line, the newline added. False when it was not taken: the child is gone, its input closed, or too much waits. */
  send(line: string): boolean
  /** Closes the child's standard input; what was taken before still goes out. */
  close(): void
}

/** A child's standard input: never throws, never rejects, never holds more than its cap. Loss shows in the child's exit only. */
export function createInput(sink: FileSink): Input {
  let open = true
  let queued = 0
  let waiting: Promise<unknown> | undefined

  function fail(): false {
    open = false
    return false
  }

  return {
    send(line) {
      // A second line in one would be a message that nobody checked.
      if (!open || line.includes('\n')) return false
      const bytes = Buffer.byteLength(line) + 1
      if (queued > 0 && queued + bytes > MAX_QUEUED_BYTES) return false
      let written: unknown
      try {
        written = sink.write(`${line}\n`)
      } catch {
        return fail()
      }
      if (written === true) return fail()
      if (!(written instanceof Promise)) return true
      queued += bytes
      if (waiting !== written) {
        waiting = written
        written.then(
          () => {
            queued = 0
            waiting = undefined
          },
          () => fail(),
        )
      }
      return true
    },

    close() {
      if (!open) return
      open = false
      try {
        const ended: unknown = sink.end()
        if (ended instanceof Promise) ended.catch(() => {})
      } catch {
        // The child is gone; its exit says so.
      }
    },
  }
}
