import { expect, test } from 'bun:test'
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core'
import * as standing from '../../src/store/schema.ts'
import * as running from '../../src/store/schema-running.ts'

test('docs/storage.md lists every table and column, and no other', async () => {
  const documented = new Set<string>()
  let table = ''
  for (const line of (await Bun.file('docs/storage.md').text()).split('\n')) {
    table = /^## (\w+)$/.exec(line)?.[1] ?? table
    const column = /^\| `(\w+)` \|/.exec(line)?.[1]
    if (column) documented.add(`${table}.${column}`)
  }
  const real = new Set<string>()
  for (const each of Object.values({ ...standing, ...running })) {
    if (typeof each === 'function') continue
    const { name, columns } = getTableConfig(each as SQLiteTable)
    for (const column of columns) real.add(`${name}.${column.name}`)
  }
  expect([...documented].sort()).toEqual([...real].sort())
})

test('what is called hashed or sealed is so named in the schema', async () => {
  const text = await Bun.file('docs/storage.md').text()
  for (const [, column, what = ''] of text.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)) {
    if (column?.endsWith('_hash')) expect(what).toContain('**hashed**')
    if (column?.startsWith('sealed_')) expect(what).toContain('**sealed**')
  }
})
