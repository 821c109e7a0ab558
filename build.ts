import { rmSync } from 'node:fs'
import { version } from './package.json'

/** Builds dist/fjmcp-broker for this machine; `--target bun-linux-arm64` (say) for another. */
const target = process.argv[process.argv.indexOf('--target') + 1]
const cross = process.argv.includes('--target') ? target : undefined
const outfile = cross ? `dist/fjmcp-broker-${cross.replace(/^bun-/, '')}` : 'dist/fjmcp-broker'

const git = (...args: string[]): string => {
  const { success, stdout } = Bun.spawnSync(['git', ...args], { stderr: 'ignore' })
  return success ? stdout.toString().trim() : ''
}

const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty'
const revision = `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${dirty}`
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'))
const date = new Date((seconds || 0) * 1000).toISOString().slice(0, 10)

// Identifiers keep their names: Elysia reads handlers as text, and renamed ones break it.
const built = await Bun.build({
  entrypoints: ['src/main.ts'],
  compile: {
    outfile,
    ...(cross ? { target: cross as Bun.Build.CompileTarget } : {}),
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  format: 'esm',
  bytecode: true,
  sourcemap: 'linked',
  minify: { whitespace: true, syntax: true, identifiers: false },
  define: {
    'process.env.NODE_ENV': '"production"',
    BUILD_VERSION: JSON.stringify(version),
    BUILD_REVISION: JSON.stringify(revision),
    BUILD_DATE: JSON.stringify(date),
  },
})
for (const message of built.logs) console.error(String(message))
if (!built.success) process.exit(1)
for (const map of new Bun.Glob('*.map').scanSync('dist')) rmSync(`dist/${map}`)
console.log(
  `${outfile} ${version} (rev ${revision}, built ${date}), ${Math.round(Bun.file(outfile).size / 1e6)} MB`,
)
