import { describe, expect, test } from 'bun:test'
import { homePage } from '../../src/http/home-page.ts'
import { html, trusted } from '../../src/http/html.ts'
import { problemPage } from '../../src/http/problem-page.ts'
import { scopeLines } from '../../src/http/scope-words.ts'

describe('a template', () => {
  test('escapes every value, in text and in attributes', () => {
    const evil = `"><script>alert('x')</script>&`
    const safe = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;'
    expect(html`<a href="${evil}">${evil}</a>`.html).toBe(`<a href="${safe}">${safe}</a>`)
    expect(html`${[evil, html`<b>${evil}</b>`]}`.html).toBe(`${safe}<b>${safe}</b>`)
  })

  test('takes HTML as it is, numbers, and nothing for what is missing', () => {
    expect(html`${trusted('<hr>')}${7}${undefined}${false}${[]}`.html).toBe('<hr>7')
  })
})

describe('scopes in words', () => {
  test('are one line for each area, and writing covers reading', () => {
    expect(
      scopeLines(['read:repository', 'write:repository', 'read:user']).map(({ area, level }) => [
        area,
        level,
      ]),
    ).toEqual([
      ['Repositories', 'read and write'],
      ['Your account', 'read'],
    ])
  })

  test('leave none out, known or not', () => {
    expect(scopeLines(['all', 'public-only', 'write:teleport']).map(({ area }) => area)).toEqual([
      'Everything',
      'Public data only',
      'write:teleport',
    ])
    const areas = [
      'activitypub',
      'admin',
      'misc',
      'notification',
      'organization',
      'package',
      'issue',
      'repository',
      'user',
    ]
    for (const level of ['read', 'write']) {
      const lines = scopeLines(areas.map((area) => `${level}:${area}`))
      expect(lines).toHaveLength(areas.length)
      expect(
        lines.every(({ text }) => text.endsWith('.') && !text.includes('takes this for')),
      ).toBe(true)
    }
  })
})

test('a problem’s text, advice and link are shown as text', async () => {
  const response = problemPage({
    status: 418,
    title: '<title>',
    text: 'a < b',
    advice: '& so on',
    link: { href: 'https://forge.example/?a=1&b=2', label: '<go>' },
  })
  expect(response.status).toBe(418)
  const page = await response.text()
  expect(page).toContain('<h1>&lt;title&gt;</h1>')
  expect(page).toContain('a &lt; b')
  expect(page).toContain('&amp; so on')
  expect(page).toContain('href="https://forge.example/?a=1&amp;b=2"')
  expect(page).not.toContain('<go>')
})

test('the front page has the URL to paste and ready commands', async () => {
  const page = await homePage(
    { resource: 'https://broker.example/mcp' },
    'https://forge.example/git',
  ).text()
  expect(page).toContain('>https://broker.example/mcp<')
  expect(page).toContain('claude mcp add --transport http forgejo https://broker.example/mcp')
  expect(page).toContain('href="https://forge.example/git"')
  expect(page).not.toContain('<script')
})
