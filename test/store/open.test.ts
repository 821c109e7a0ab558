import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { lockStore } from '../../src/store/lock.ts'
import { migrate, migrations } from '../../src/store/migrate.ts'
import { BROKER_BUSY_MS, openStore } from '../../src/store/open.ts'

const folders: string[] = []
const open = (path: string) =>
  openStore({ path, clock: systemClock, busyTimeoutMs: BROKER_BUSY_MS })

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

describe('the store', () => {
  test('makes STRICT tables only', () => {
    const sqlite = new Database(':memory:', { strict: true })
    migrate(sqlite, 1)
    const tables = sqlite
      .query<{ name: string; strict: number }, []>(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
      )
      .all()
    expect(tables.length).toBeGreaterThan(14)
    expect(tables.filter(({ strict }) => strict !== 1)).toEqual([])
  })

  test('keeps what was written when it is opened again', () => {
    const path = freshPath()
    const first = open(path)
    first.facts.set(1, 'forgejo_version', '15.0.3')
    first.close()
    first.close()
    const second = open(path)
    expect(second.facts.get('forgejo_version')).toBe('15.0.3')
    expect(second.probe()).toBe(true)
    second.close()
    expect(second.probe()).toBe(false)
  })

  test('keeps nothing of a transaction that throws', () => {
    const store = open(':memory:')
    expect(() =>
      store.transaction(() => {
        store.facts.set(1, 'forgejo_version', 'x')
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(store.facts.get('forgejo_version')).toBeUndefined()
    store.durably(() => store.facts.set(1, 'forgejo_version', 'y'))
    expect(store.facts.get('forgejo_version')).toBe('y')
    store.close()
  })

  test('is copied whole by a backup', () => {
    const path = freshPath()
    const store = open(path)
    store.audit.add(5, { event: 'vault.died', reason: 'because' })
    store.backup(`${path}.copy`)
    store.close()
    const copy = open(`${path}.copy`)
    expect(copy.audit.list({ limit: 5 })).toMatchObject([
      { at: 5, event: 'vault.died', reason: 'because' },
    ])
    copy.close()
  })

  test('is refused when a newer version wrote it, or another history', () => {
    const later = {
      tag: '9999_later',
      when: 9e12,
      hash: 'h',
      statements: ['CREATE TABLE later (a TEXT) STRICT'],
    }
    const sqlite = new Database(':memory:', { strict: true })
    migrate(sqlite, 1, [...migrations, later])
    expect(() => migrate(sqlite, 2)).toThrow('newer version')
    const [first] = migrations
    expect(() => migrate(sqlite, 2, [{ ...first!, hash: 'other' }])).toThrow('not the one')
  })

  test('keeps the rows of children when a parent table is rebuilt', () => {
    const sqlite = new Database(':memory:', { strict: true })
    sqlite.run('PRAGMA foreign_keys = ON')
    const base = {
      tag: '0000',
      when: 1,
      hash: 'a',
      statements: [
        'CREATE TABLE p (id TEXT PRIMARY KEY) STRICT',
        'CREATE TABLE c (p TEXT REFERENCES p(id) ON DELETE CASCADE) STRICT',
      ],
    }
    migrate(sqlite, 1, [base])
    sqlite.run("INSERT INTO p VALUES ('1')")
    sqlite.run("INSERT INTO c VALUES ('1')")
    const rebuild = {
      tag: '0001',
      when: 2,
      hash: 'b',
      statements: [
        'CREATE TABLE p2 (id TEXT PRIMARY KEY, more TEXT) STRICT',
        'INSERT INTO p2 (id) SELECT id FROM p',
        'DROP TABLE p',
        'ALTER TABLE p2 RENAME TO p',
      ],
    }
    migrate(sqlite, 2, [base, rebuild])
    expect(sqlite.query('SELECT count(*) AS n FROM c').get()).toEqual({ n: 1 })
    expect(sqlite.query('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 })
    const broken = { tag: '0002', when: 3, hash: 'c', statements: ['DELETE FROM p'] }
    expect(() => migrate(sqlite, 3, [base, rebuild, broken])).toThrow('broken references')
    expect(sqlite.query('SELECT count(*) AS n FROM p').get()).toEqual({ n: 1 })
  })

  test('says which file it is that cannot be a store', async () => {
    const path = freshPath()
    await Bun.write(path, 'no database at all, but long enough to be looked at as one'.repeat(20))
    expect(() => open(path)).toThrow(`the store ${path} cannot be used`)
    expect(() => open(`${path}/beneath/a/file`)).toThrow('cannot be used')
  })

  test('is locked by one holder at a time', () => {
    const path = freshPath()
    const release = lockStore(path)
    expect(() => lockStore(path)).toThrow('another fjmcp-broker')
    release()
    release()
    expect(() => lockStore(`${path}/not/there`)).toThrow('cannot be taken')
    lockStore(path)()
  })
})

function freshPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-store-'))
  folders.push(folder)
  return join(folder, 'broker.db')
}
