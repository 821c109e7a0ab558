import { describe, expect, test } from 'bun:test'
import { dirname, join, normalize } from 'node:path'

/** Rank of each module of src/: a file imports its own module and lower ranks only. */
const RANKS: Record<string, number> = {
  ground: 0,
  store: 1,
  forgejo: 1,
  child: 1,
  mcp: 1,
  oauth: 2,
  session: 2,
  relay: 3,
  jobs: 3,
  http: 3,
  cli: 4,
  main: 5,
}

/** What a module may import beyond its rank's rule. `http` takes values from below it, never the store. */
const ALLOWED: Record<string, string[]> = {
  store: ['ground'],
  forgejo: ['ground'],
  child: ['ground'],
  mcp: ['ground'],
  oauth: ['ground', 'store', 'forgejo'],
  session: ['ground', 'store', 'mcp', 'child'],
  relay: ['ground', 'forgejo', 'mcp', 'oauth'],
  jobs: ['ground', 'store', 'forgejo', 'oauth', 'session'],
  http: ['ground', 'mcp', 'oauth', 'session'],
}

/** Packages and built-ins that belong to one module. */
const CONFINED: [RegExp, string[]][] = [
  [/^(elysia|@elysiajs\/)/, ['http']],
  [/^(drizzle-orm|bun:sqlite)/, ['store']],
  [/^arctic$/, ['forgejo']],
  [/^citty$/, ['cli']],
  [/^pino$/, ['ground']],
]

/** Text that belongs to one module or file. */
const CONFINED_TEXT: [RegExp, (file: string) => boolean][] = [
  [/\bBun\.spawn(Sync)?\b/, (file) => file.startsWith('src/child/')],
  [
    /\bprocess\.(env|argv)\b|\bBun\.(env|argv)\b/,
    (file) => file.startsWith('src/cli/') || file === 'src/main.ts',
  ],
  [
    /\bDate\.now\(|\bnew Date\(\)|\bset(Timeout|Interval)\(|\bBun\.sleep/,
    (file) => file === 'src/clock.ts',
  ],
  [
    /\bMath\.random\(|\brandomUUID|\brandomBytes\(|getRandomValues/,
    (file) => file === 'src/crypto.ts',
  ],
]

const files = [...new Bun.Glob('src/**/*.ts').scanSync('.')].sort()
const text = new Map<string, string>()
for (const file of files) text.set(file, await Bun.file(file).text())

function moduleOf(file: string): string {
  const [, first = '', second] = file.split('/')
  if (second !== undefined) return first
  return first === 'main.ts' ? 'main' : 'ground'
}

/** Every specifier a file imports, types included. */
function importsOf(file: string): string[] {
  const source = text.get(file) ?? ''
  const found = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g,
  )
  return [...found].map(([, a, b, c]) => a ?? b ?? c ?? '')
}

const localImports = (file: string): string[] =>
  importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(file), specifier)))
    .filter((path) => path.startsWith('src/'))

describe('the structure of src/', () => {
  test('every module has a rank', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(files.filter((file) => RANKS[moduleOf(file)] === undefined)).toEqual([])
  })

  test('imports point to a strictly lower rank, or stay in their module', () => {
    const wrong: string[] = []
    for (const file of files) {
      const from = moduleOf(file)
      for (const target of localImports(file)) {
        const to = moduleOf(target)
        if (from === to) continue
        const fine = (RANKS[to] ?? 9) < (RANKS[from] ?? 0) && (ALLOWED[from]?.includes(to) ?? true)
        if (!fine) wrong.push(`${file} -> ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('no file is in an import cycle', () => {
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (path.includes(file) || done.has(file)) return
      for (const target of localImports(file)) visit(target, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  test('each confined package and built-in stays in its module', () => {
    const wrong: string[] = []
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        for (const [pattern, owners] of CONFINED) {
          if (pattern.test(specifier) && !owners.includes(moduleOf(file)))
            wrong.push(`${file} -> ${specifier}`)
        }
      }
      for (const [pattern, allowed] of CONFINED_TEXT) {
        if (pattern.test(text.get(file) ?? '') && !allowed(file))
          wrong.push(`${file} has ${pattern}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('no file is over 250 lines', () => {
    const long = files.filter((file) => (text.get(file) ?? '').trimEnd().split('\n').length > 250)
    expect(long).toEqual([])
  })

  test('there are no barrels and no default exports', () => {
    expect(files.filter((file) => file.endsWith('/index.ts'))).toEqual([])
    expect(files.filter((file) => /^export default/m.test(text.get(file) ?? ''))).toEqual([])
  })

  test('every exported function says what it does', () => {
    const bare: string[] = []
    for (const file of files) {
      for (const [, name] of (text.get(file) ?? '').matchAll(
        /(?<!\*\/\n)^export (?:async )?(?:function|class) (\w+)/gm,
      )) {
        bare.push(`${file}: ${name}`)
      }
    }
    expect(bare).toEqual([])
  })
})

test('the lock file names no registry', async () => {
  expect(await Bun.file('bun.lock').text()).not.toMatch(/https?:\/\//)
})
