import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const HERE = import.meta.dir
const ROOT = join(HERE, '..', '..')
const CACHE = join(ROOT, 'node_modules', '.cache', 'bench')

/** The bridges that the broker is measured beside, and the program of each within its package. */
export const PEERS = {
  supergateway: { version: '4.0.0', entry: 'dist/index.js' },
  'mcp-proxy': { version: '6.7.19', entry: 'dist/bin/mcp-proxy.mjs' },
} as const

/** The oldest Node.js that both of them run on. */
const LEAST_NODE = 20

/** Runs a command to its end and returns what it wrote to standard output; throws with its standard error. */
function run(command: string[], cwd = ROOT): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, stdin: 'ignore' })
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr.toString().trim()}`)
  return stdout.toString()
}

/**
 * Compiles test/bench/<name>.c; the path of the program, or undefined where there is no C compiler.
 * @param defined a macro, by which another program comes of it
 */
export function compile(name: 'child' | 'load', defined?: 'STATELESS'): string | undefined {
  const compiler = Bun.which('cc') ?? Bun.which('gcc')
  if (!compiler) return undefined
  mkdirSync(CACHE, { recursive: true })
  const program = join(CACHE, defined ? `${name}-${defined.toLowerCase()}` : name)
  const flags = ['-O2', ...(defined ? [`-D${defined}`] : [])]
  run([compiler, ...flags, '-o', program, join(HERE, `${name}.c`)])
  return program
}

/** Builds the broker's binary from the sources as they are now and returns its path. */
export function buildBroker(): string {
  run([process.execPath, 'build.ts'])
  return join(ROOT, 'dist', 'fjmcp-broker')
}

/** Fetches both peers, once, pinned. Throws when the registry cannot be reached. */
export function installPeers(): void {
  const folder = join(CACHE, 'peers')
  const dependencies = Object.fromEntries(
    Object.entries(PEERS).map(([name, { version }]) => [name, version]),
  )
  const manifest = JSON.stringify({ private: true, dependencies })
  const marker = join(folder, 'installed.json')
  if (existsSync(marker) && run(['cat', marker]) === manifest) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), manifest)
  run([process.execPath, 'install', '--silent'], folder)
  writeFileSync(marker, manifest)
}

/** The command line of a peer: under Node.js where it is new enough, else under Bun. */
export function peerCommand(name: keyof typeof PEERS): { command: string[]; runtime: string } {
  const program = join(CACHE, 'peers', 'node_modules', name, PEERS[name].entry)
  const node = Bun.which('node')
  const version = node ? run([node, '--version']).trim() : ''
  return node && Number(/^v(\d+)/.exec(version)?.[1]) >= LEAST_NODE
    ? { command: [node, program], runtime: `node ${version.slice(1)}` }
    : { command: [process.execPath, program], runtime: `bun ${Bun.version}` }
}
