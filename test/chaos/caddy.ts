import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gather } from '../fixtures/broker.ts'
import { until } from '../fixtures/until.ts'

const CADDYFILE = join(import.meta.dir, '..', '..', 'docs', 'Caddyfile')

/** Debian's caddy, when it is installed. */
export const caddyBinary = (): string | undefined => Bun.which('caddy') ?? undefined

/** What the documented Caddyfile says, for this machine: another address, another broker, nothing but plain HTTP. */
function adapted(port: number, brokerPort: number): string {
  const documented = readFileSync(CADDYFILE, 'utf8')
  const site = documented
    .replace('mcp.example.org {', `http://127.0.0.1:${port} {`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${brokerPort}`)
  if (site === documented) throw new Error('docs/Caddyfile does not read as expected')
  return `{\n\tadmin off\n\tauto_https off\n}\n${site}`
}

/** Runs caddy with docs/Caddyfile in front of a broker until it is disposed of. */
export async function startCaddy(binary: string, folder: string, port: number, brokerPort: number) {
  const path = join(folder, 'Caddyfile')
  writeFileSync(path, adapted(port, brokerPort))
  const caddy = Bun.spawn([binary, 'run', '--config', path, '--adapter', 'caddyfile'], {
    env: { PATH: process.env.PATH ?? '', HOME: folder, XDG_DATA_HOME: folder },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const log = gather(caddy.stderr)
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    caddy.kill('SIGKILL')
    await caddy.exited
    await log.done
  }
  try {
    await until('caddy answers', async () => (await fetch(`${url}/healthz`).catch(() => {}))?.ok)
  } catch (error) {
    await stop()
    throw new Error(`caddy did not start:\n${log.text()}`, { cause: error })
  }
  return { url, log: log.text, [Symbol.asyncDispose]: stop }
}
