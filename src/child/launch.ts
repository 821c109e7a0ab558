import { existsSync, statSync } from 'node:fs'
import { OperatorError } from '../errors.ts'

/** What to run and with what: the environment is the whole of it. */
export interface Launch {
  binary: string
  args: readonly string[]
  env: Record<string, string>
  cwd: string
}

const MEND_BINARY = 'set --forgejo-mcp-binary to an executable forgejo-mcp'
const MEND_LIMITS = 'raise the limits on processes and open files, or lower --max-sessions'

/** How to put right what the system said no with. */
const HINTS: Record<string, string> = {
  EAGAIN: MEND_LIMITS,
  EMFILE: MEND_LIMITS,
  ENFILE: MEND_LIMITS,
  ENOMEM: MEND_LIMITS,
}

/**
 * Starts a program as the leader of a process group of its own, its three streams piped and read by nobody yet.
 * Throws OperatorError that tells a missing directory, a missing program and a missing interpreter apart.
 */
export function launch(spec: Launch) {
  // The system reports a missing working directory as a missing program.
  if (!statSync(spec.cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new OperatorError(
      `cannot start ${spec.binary}: its working directory ${spec.cwd} is missing`,
      'create the directory',
    )
  try {
    return Bun.spawn([spec.binary, ...spec.args], {
      cwd: spec.cwd,
      env: spec.env,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      // Unless lazy, Bun reads ahead without bound.
      lazy: true,
      detached: true,
    })
  } catch (error) {
    const code = String((error as { code?: unknown }).code ?? '')
    throw new OperatorError(
      `cannot start ${spec.binary}: ${reason(spec.binary, code)}`,
      HINTS[code] ?? MEND_BINARY,
      1,
      error,
    )
  }
}

function reason(binary: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      if (!binary.includes('/')) return 'there is no such program on PATH'
      return existsSync(binary) ? 'its interpreter is missing' : 'there is no such file'
    case 'EACCES':
      return 'it is not executable'
    case 'ENOEXEC':
      return 'it is no program for this machine'
    default:
      return code === '' ? 'the system refused' : `the system refused with ${code}`
  }
}
