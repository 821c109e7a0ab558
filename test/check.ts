import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** `bun run check`: everything that must hold before a change lands. The last line counts it. */
interface Step {
  name: string
  command: string[]
  /** Counts passed, failed and skipped from what the command wrote; one step is one check otherwise. */
  count?: (output: string) => { passed: number; failed: number; skipped: number } | undefined
}

const bun = process.execPath
const bin = (name: string): string[] => [bun, 'x', '--no-install', name]

const steps: Step[] = [
  {
    name: 'format and lint',
    command: [...bin('biome'), 'ci', '--colors=off', '--error-on-warnings', '.'],
  },
  { name: 'types', command: [...bin('tsc'), '--noEmit'] },
  { name: 'migrations in step with the schema', command: [bun, import.meta.path, '--migrations'] },
  { name: 'build', command: [bun, 'build.ts'] },
  { name: 'smoke run of the binary', command: ['dist/fjmcp-broker', '--version'] },
  { name: 'tests', command: [bun, 'test', '--parallel', '--no-orphans'], count: countTests },
]

function countTests(output: string) {
  const number = (word: string) =>
    Number(new RegExp(`^ *(\\d+) ${word}$`, 'm').exec(output)?.[1] ?? 0)
  const counts = { passed: number('pass'), failed: number('fail'), skipped: number('skip') }
  return counts.passed + counts.failed > 0 ? counts : undefined
}

/** Generates migrations into a copy of drizzle/: a schema in step with its SQL adds none. */
function migrationsInStep(): boolean {
  const folder = mkdtempSync(join('node_modules', 'migrations-'))
  try {
    cpSync('drizzle', folder, { recursive: true })
    const before = readdirSync(folder).length
    const run = Bun.spawnSync(
      [
        ...bin('drizzle-kit'),
        'generate',
        '--dialect',
        'sqlite',
        '--schema',
        'src/store/schema*.ts',
        '--out',
        folder,
      ],
      { stdout: 'inherit', stderr: 'inherit' },
    )
    const same = run.success && readdirSync(folder).length === before
    if (!same) console.error('src/store/schema*.ts and drizzle/ differ: run `bun run db:generate`')
    return same
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function runStep({ command }: Step): Promise<{ code: number; output: string }> {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
  const child = Bun.spawn(command, { env, stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' })
  let output = ''
  const pass = async (from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream) => {
    const decoder = new TextDecoder()
    for await (const chunk of from) {
      const piece = decoder.decode(chunk, { stream: true })
      output += piece
      to.write(piece)
    }
  }
  await Promise.all([pass(child.stdout, process.stdout), pass(child.stderr, process.stderr)])
  return { code: await child.exited, output }
}

if (process.argv.includes('--migrations')) process.exit(migrationsInStep() ? 0 : 1)

const total = { passed: 0, failed: 0, skipped: 0 }
for (const step of steps) {
  console.log(`\n== ${step.name}`)
  const { code, output } = await runStep(step)
  const counts = step.count?.(output)
  if (counts) {
    total.passed += counts.passed
    total.failed += counts.failed + (code !== 0 && counts.failed === 0 ? 1 : 0)
    total.skipped += counts.skipped
  } else if (code === 0) total.passed += 1
  else total.failed += 1
  if (code !== 0) console.error(`!! ${step.name} failed (exit code ${code})`)
}
console.log(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
)
process.exit(total.failed === 0 ? 0 : 1)
