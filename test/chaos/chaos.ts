import { compiled } from './program.ts'

/** `bun run chaos`: every scenario, those that take minutes too. Arguments go to `bun test`, such as `-t breaker`. */
const QUICK = ['test/chaos']
const LONG = ['./test/chaos/long/slow.ts', './test/chaos/long/marathon.ts']

await compiled()
let failed = false
for (const paths of [QUICK, LONG]) {
  const command = [process.execPath, 'test', '--no-orphans', ...paths, ...process.argv.slice(2)]
  const run = Bun.spawn(command, { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  if ((await run.exited) !== 0) failed = true
}
process.exit(failed ? 1 : 0)
