import { versionLine } from './version.ts'

// Elysia and Bun.serve read the run-time value, which a build-time definition does not set.
Bun.env.NODE_ENV ??= 'production'

const argv = process.argv.slice(2)
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  process.stdout.write(`${versionLine}\n`)
} else {
  // Store, key and socket files are for this user alone.
  process.umask(0o077)
  const { run } = await import('./cli/run.ts')
  process.exit(await run(argv))
}
