import { describe, expect, test } from 'bun:test'
import { variableOf } from '../src/config.ts'
import { SETTINGS } from '../src/settings.ts'

const readme = await Bun.file('README.md').text()

/** The table of settings as the README must have it. */
function settingsTable(): string {
  const rows = Object.values(SETTINGS).map((each) => {
    const secret = 'secret' in each && each.secret
    const fallback = 'fallback' in each && each.fallback ? `\`${each.fallback}\`` : ''
    const required = 'required' in each && each.required ? 'required' : ''
    return `| ${secret ? '–' : `\`--${each.flag}\``} | \`${variableOf(each.flag)}\` | ${each.help} | ${fallback || required} |`
  })
  return ['| flag | variable | what | default |', '|---|---|---|---|', ...rows].join('\n')
}

describe('the README', () => {
  test('has the settings as they are', () => {
    const [, table = ''] =
      /<!-- settings[^>]*-->\n\n([\s\S]*?)\n\n<!-- \/settings -->/.exec(readme) ?? []
    expect(table).toBe(settingsTable())
  })

  test('names every command', async () => {
    const { root } = await import('../src/cli/commands.ts')
    for (const command of Object.keys(root.subCommands ?? {}))
      expect(readme).toContain(`| \`${command}`)
  })

  test('pins the Bun that package.json wants', async () => {
    const { engines, scripts } = await Bun.file('package.json').json()
    for (const [, version] of readme.matchAll(/bun@([\d.]+)/g)) expect(version).toBe(engines.bun)
    for (const script of ['demo', 'check', 'build']) expect(Object.keys(scripts)).toContain(script)
    expect(await Bun.file('.ci/run').text()).toContain(`npx --yes bun@${engines.bun} run check`)
  })

  test('links to files that are there', async () => {
    for (const [, path = ''] of readme.matchAll(/\]\(([^)#]+)\)/g)) {
      if (!path.startsWith('http')) expect(await Bun.file(path).exists()).toBe(true)
    }
  })
})
