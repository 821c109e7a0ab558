import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { COMPILED } from '../fixtures/broker.ts'

const ROOT = join(import.meta.dir, '..', '..')
const BUILD_LIMIT_MS = 120_000
const POLL_MS = 100

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

function isFresh(): boolean {
  const built = modified(COMPILED[0] ?? '')
  const sources = [...new Bun.Glob('src/**/*.ts').scanSync({ cwd: ROOT, absolute: true })]
  return built > 0 && sources.every((path) => modified(path) <= built)
}

async function build(): Promise<void> {
  const run = Bun.spawn([process.execPath, 'build.ts'], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const output = (await Promise.all([run.stdout.text(), run.stderr.text()])).join('')
  if ((await run.exited) !== 0) throw new Error(`the binary cannot be built:\n${output}`)
}

/** The compiled broker, built first when it is not what `src/` is; several processes that want it build it once. */
export async function compiled(): Promise<string[]> {
  const lock = join(ROOT, 'node_modules', '.cache', 'fjmcp-broker-build')
  const deadline = Date.now() + BUILD_LIMIT_MS
  while (!isFresh()) {
    try {
      mkdirSync(lock)
    } catch {
      // Somebody else builds it, or died doing so.
      if (Date.now() - modified(lock) > BUILD_LIMIT_MS) rmdirSync(lock)
      if (Date.now() > deadline) throw new Error('the binary was not built in time')
      await Bun.sleep(POLL_MS)
      continue
    }
    try {
      if (!isFresh()) await build()
      break
    } finally {
      rmdirSync(lock)
    }
  }
  return COMPILED
}
