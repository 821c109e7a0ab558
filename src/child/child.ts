import { type Clock, SECOND_MS, sleep, TIMED_OUT, within } from '../clock.ts'
import type { Log } from '../log.ts'
import { signalGroup } from './group.ts'
import { createInput } from './input.ts'
import { launch } from './launch.ts'
import { createLineSplitter, readMessage } from './lines.ts'
import { findStartTime } from './orphans.ts'
import { createStderrReader } from './stderr.ts'

/** What to start, with the whole of its environment, and what must never be told of it. */
export interface ChildSpec {
  binary: string
  args: readonly string[]
  env: Record<string, string>
  /** An existing directory. */
  cwd: string
  /** The longest line of standard output that is kept, in bytes. */
  maxLineBytes: number
  /** Replaced wherever they occur in what it says on standard error. */
  secrets: readonly string[]
}

export interface ChildExit {
  /** Null when a signal ended it. */
  code: number | null
  signal: string | null
  /** Its last lines on standard error that say something, secrets replaced. */
  stderrTail: string
}

/** What a child makes known. Nothing is called before `spawn` has returned, nor after `exited`. */
export interface ChildHandlers {
  /** A line of standard output that can be a JSON-RPC message; `value` is what it says, undefined for a long one. */
  line(text: string, value?: unknown): void
  /** A line that begins so grew over the cap and is being skipped: what it answered stays without an answer. */
  oversize(head: string): void
  /** So many more lines were no JSON, or not finished, and were dropped. */
  noise(count: number): void
  /** It takes no more input although nobody closed it, and is being stopped; what it still says is heard. */
  muted(): void
  exited(exit: ChildExit): void
}

export interface StopOptions {
  /** Whether nothing is in flight any more: standard input is closed only then, or when the wait for it is over. */
  drain: () => boolean
}

export interface Child {
  readonly pid: number
  /** See findStartTime; '' where there is no /proc. */
  readonly startTime: string
  /** Writes one line. False when it was not taken: the child is gone, takes no input any more, or is too far behind. */
  send(line: string): boolean
  /**
   * Closes its standard input, then SIGTERM, then SIGKILL to its group, with a wait before each. Resolves when it is
   * gone, or when even SIGKILL did not help. Calling it again waits for the same end; without `drain` it hurries it.
   */
  stop(options?: StopOptions): Promise<void>
  /** SIGKILL to its group, now. */
  kill(): void
  /** Resolves after `exited` was told. Never rejects. */
  readonly exited: Promise<void>
}

/** Starts a child. Throws OperatorError when the program cannot be started. */
export type Spawn = (spec: ChildSpec, handlers: ChildHandlers) => Child

export interface SpawnOptions {
  clock: Clock
  log: Log
  /** How long a child may take for each step of being stopped, in ms. */
  graceMs?: number
}

const DEFAULT_GRACE_MS = 2 * SECOND_MS
const KILL_WAIT_MS = SECOND_MS
const DRAIN_STEP_MS = 25
/** What is still in the pipes of a process that is gone is read for so long; a grandchild can hold them open for ever. */
const LAST_WORDS_MS = 250

/** Returns the Spawn that starts real processes. */
export function createSpawn(options: SpawnOptions): Spawn {
  const { clock } = options
  const graceMs = options.graceMs ?? DEFAULT_GRACE_MS

  return (spec, handlers) => {
    const running = launch(spec)
    const { pid } = running
    const log = options.log.with({ pid })
    const startTime = findStartTime(pid)
    const input = createInput(running.stdin, mute)
    let over = false
    let hurried = false
    let stopping: Promise<void> | undefined

    /** What it still says is read; one that lives on, and hears nothing, is stopped. */
    function mute(): void {
      if (over || stopping) return
      stopping = descend(undefined)
      tell(() => handlers.muted())
    }

    /** A handler's mistake must not leave the child unread. */
    function tell(call: () => void): void {
      try {
        call()
      } catch (error) {
        log.error('child output was not handled', { error })
      }
    }

    let noise = 0
    const splitter = createLineSplitter(spec.maxLineBytes, {
      line(text) {
        if (text.trim() === '') return
        const message = readMessage(text)
        if (message) tell(() => handlers.line(text, message.value))
        else noise += 1
      },
      oversize: (head) => tell(() => handlers.oversize(head)),
    })
    const tellNoise = (): void => {
      const count = noise
      noise = 0
      if (count > 0) tell(() => handlers.noise(count))
    }

    const stderr = createStderrReader(spec.secrets, (text) => log.debug('child stderr', { text }))
    /** A child that can no longer be heard is of no use, and would wait for its reader for ever. */
    function deaf(error: unknown): void {
      if (over) return
      log.error('child cannot be read', { error })
      signalGroup(pid, 'SIGKILL')
    }
    const output = read(running.stdout, deaf, (chunk) => {
      if (over) return
      splitter.push(chunk)
      tellNoise()
    })
    const errors = read(running.stderr, deaf, stderr.push)

    async function finish(): Promise<void> {
      await running.exited
      await within(clock, LAST_WORDS_MS, Promise.all([output.done, errors.done]))
      signalGroup(pid, 'SIGKILL')
      over = true
      output.cancel()
      errors.cancel()
      input.close()
      if (splitter.end()) noise += 1
      tellNoise()
      stderr.end()
      const { exitCode: code, signalCode } = running
      const signal = signalCode === null ? null : String(signalCode)
      tell(() => handlers.exited({ code, signal, stderrTail: stderr.tail() }))
    }
    const exited = finish()

    const ends = async (ms: number): Promise<boolean> =>
      (await within(clock, ms, exited)) !== TIMED_OUT

    async function drained(drain: () => boolean): Promise<void> {
      for (let waited = 0; waited < graceMs; waited += DRAIN_STEP_MS) {
        if (over || hurried || drain()) return
        await sleep(clock, DRAIN_STEP_MS)
      }
    }

    async function descend(drain: (() => boolean) | undefined): Promise<void> {
      if (drain) await drained(drain)
      input.close()
      if (await ends(graceMs)) return
      signalGroup(pid, 'SIGTERM')
      if (await ends(graceMs)) return
      log.warn('child did not stop and is killed')
      signalGroup(pid, 'SIGKILL')
      if (!(await ends(KILL_WAIT_MS))) log.error('child cannot be killed')
    }

    return {
      pid,
      startTime,
      send: input.send,
      stop(how) {
        if (!how) hurried = true
        stopping ??= descend(how?.drain)
        return stopping
      },
      kill() {
        // Once it is gone its number may be another's.
        if (!over) signalGroup(pid, 'SIGKILL')
      },
      exited,
    }
  }
}

/** Reads a stream to its end, piece by piece, so that whoever writes it is held back by nothing but us. */
function read(
  stream: ReadableStream<Uint8Array>,
  broke: (error: unknown) => void,
  take: (chunk: Uint8Array) => void,
) {
  const reader = stream.getReader()
  async function all(): Promise<void> {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value)
  }
  return {
    /** Resolves at the end of the stream, or when it broke. */
    done: all().catch(broke),
    cancel(): void {
      reader.cancel().catch(() => {})
    },
  }
}
