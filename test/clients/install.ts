import { test } from 'bun:test'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const MANIFESTS = ['package.json', 'bun.lock']
const CACHE = join(import.meta.dir, '..', '..', 'node_modules', '.cache')
/** Longest time that an installation may take, in ms. */
const INSTALL_MS = 180_000

/** Where the clients of package.json are, installed if they are not; why not, when that is impossible. */
async function install(): Promise<{ folder: string } | { reason: string }> {
  const text = MANIFESTS.map((name) => readFileSync(join(import.meta.dir, name), 'utf8')).join('')
  const folder = join(CACHE, `clients-${Bun.hash(text).toString(36)}`)
  if (existsSync(folder)) return { folder }
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  for (const name of MANIFESTS) copyFileSync(join(import.meta.dir, name), join(unfinished, name))
  const run = Bun.spawn(
    [process.execPath, 'install', '--frozen-lockfile', '--ignore-scripts', '--silent'],
    { cwd: unfinished, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', timeout: INSTALL_MS },
  )
  const [why, code] = await Promise.all([run.stderr.text(), run.exited])
  try {
    if (code !== 0) return { reason: why.trim().split('\n')[0] || `exit code ${code}` }
    renameSync(unfinished, folder)
  } catch (error) {
    // Another worker may have been quicker.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return { folder }
}

/**
 * Declares tests of a client that is too large to be among the development dependencies: `body` gets the path of
 * its program. Without a registry to install it from there is one skipped test that says so.
 */
export async function withClient(program: string, body: (program: string) => void): Promise<void> {
  const installed = await install()
  if ('folder' in installed) body(join(installed.folder, 'node_modules', program))
  else test.skip(`${program} could not be installed: ${installed.reason}`, () => {})
}
