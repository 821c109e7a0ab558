import { describe, expect, test } from 'bun:test'
import { chooseScopes, offerScopes, recallChoice, rememberChoice } from '../../src/oauth/choice.ts'
import { err, ok } from '../../src/result.ts'
import { covers } from '../../src/scopes.ts'
import { seeded } from '../mcp/random.ts'

const ASKED = ['read:user', 'write:repository', 'write:issue']
const choose = (form: Record<string, string>, offered: readonly string[] = ASKED) =>
  chooseScopes(offered, new URLSearchParams(form))

describe('a choice', () => {
  test('of reading and writing is what was asked for, word for word', () => {
    expect(choose({ access: 'write' })).toEqual(ok(ASKED))
    expect(choose({})).toEqual(ok(ASKED))
  })

  test('of reading only turns every area into reading', () => {
    expect(choose({ access: 'read' })).toEqual(ok(['read:user', 'read:repository', 'read:issue']))
  })

  test('by area takes each at its level', () => {
    expect(choose({ access: 'areas', 'area.repository': 'write', 'area.issue': 'read' })).toEqual(
      ok(['write:repository', 'read:issue']),
    )
  })

  test('by area of everything is what was asked for', () => {
    const all = { 'area.repository': 'write', 'area.issue': 'write', 'area.user': 'write' }
    expect(choose({ access: 'areas', ...all })).toEqual(ok(ASKED))
  })

  test('by area of nothing is none, and neither is an unknown word', () => {
    expect(choose({ access: 'areas' })).toEqual(err('nothing'))
    expect(choose({ access: 'areas', 'area.issue': 'everything' })).toEqual(err('nothing'))
    expect(choose({ access: 'all' })).toEqual(err('unclear'))
    const twice = new URLSearchParams('access=read&access=write')
    expect(chooseScopes(ASKED, twice)).toEqual(err('unclear'))
  })

  test('never reaches beyond what was offered, whatever the form says', () => {
    const { pick } = seeded(7)
    const areas = ['repository', 'issue', 'user', 'admin', 'organization', 'package']
    for (let round = 0; round < 500; round += 1) {
      const offered = areas.flatMap((area) => {
        const level = pick(['read', 'write', undefined])
        return level ? [`${level}:${area}`] : []
      })
      const form: Record<string, string> = { access: pick(['read', 'write', 'areas']) }
      for (const area of [...areas, 'misc'])
        form[`area.${area}`] = pick(['none', 'read', 'write', 'admin'])
      const chosen = choose(form, offered)
      if (chosen.ok) expect(covers(offered, chosen.value)).toBe(true)
      if (chosen.ok && form.access === 'read')
        expect(chosen.value.every((scope) => scope.startsWith('read:'))).toBe(true)
    }
  })

  test('goes through `all` by its areas, and keeps the limit to public data', () => {
    const read = choose({ access: 'read' }, ['all', 'public-only'])
    expect(read.ok && read.value).toContain('read:admin')
    expect(read.ok && read.value).toContain('public-only')
    expect(read.ok && read.value.some((scope) => scope === 'all')).toBe(false)
    expect(choose({ access: 'areas' }, ['all', 'public-only'])).toEqual(err('nothing'))
    expect(choose({ access: 'write' }, ['all'])).toEqual(ok(['all']))
  })
})

describe('an offer', () => {
  test('marks what is chosen of it', () => {
    expect(offerScopes(ASKED).access).toBe('write')
    expect(offerScopes(ASKED, ['read:user', 'read:repository', 'read:issue']).access).toBe('read')
    const some = offerScopes(ASKED, ['write:issue'])
    expect(some.access).toBe('areas')
    expect(some.areas).toContainEqual({ area: 'issue', most: 'write', level: 'write' })
    expect(some.areas).toContainEqual({ area: 'repository', most: 'write', level: 'none' })
    expect(offerScopes(['read:issue']).access).toBe('read')
  })

  test('never marks more than it offers', () => {
    expect(offerScopes(['read:issue'], ['all']).areas).toEqual([
      { area: 'issue', most: 'read', level: 'read' },
    ])
  })
})

describe('what a browser remembers', () => {
  const again = (chosen: readonly string[], asked: readonly string[] = ASKED) =>
    recallChoice(asked, rememberChoice(ASKED, chosen))

  test('is marked the next time', () => {
    expect(again(ASKED).access).toBe('write')
    expect(again(['read:user', 'read:repository', 'read:issue']).access).toBe('read')
    const some = again(['write:issue'])
    expect(some.areas.map(({ area, level }) => [area, level])).toEqual([
      ['user', 'none'],
      ['repository', 'none'],
      ['issue', 'write'],
    ])
  })

  test('marks no area that it never saw, nor more than is asked for', () => {
    const other = again(['write:issue'], ['read:issue', 'write:package', 'write:user'])
    expect(other.areas.map(({ area, level }) => [area, level])).toEqual([
      ['issue', 'read'],
      ['package', 'none'],
      ['user', 'none'],
    ])
  })

  test('is nothing where there was nothing to choose', () => {
    expect(rememberChoice(['read:issue'], ['read:issue'])).toBeUndefined()
  })

  test.each([undefined, '', 'x', 'admin', 'issue-w', 'issue-x.', '__proto__-w.', 'none'])(
    'that makes no sense (%p) marks all that is asked for',
    (remembered) => {
      expect(recallChoice(ASKED, remembered)).toEqual(offerScopes(ASKED))
    },
  )

  test('that leaves nothing of what is asked for marks all of it', () => {
    expect(recallChoice(['write:package', 'read:user'], 'issue-w.').access).toBe('write')
  })
})
