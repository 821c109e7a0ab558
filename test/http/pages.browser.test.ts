import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { selfSigned } from '../oauth/certificate.ts'
import { createHttpKit, type HttpKit } from './kit.ts'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => Bun.which(name))
  .find((path) => path !== null)

if (!executablePath) console.log('SKIPPED: pages in a browser, because no chromium was found')

/** A browser takes longer than a function. */
const SLOW_MS = 60_000

/** Longest wait for one step in it. */
const WAIT_MS = 15_000

describe.skipIf(!executablePath)('in Chromium', () => {
  let kit: HttpKit
  let server: Bun.Server<undefined>
  let browser: Browser

  beforeAll(async () => {
    kit = createHttpKit({ config: { rateLimit: false } })
    const { cert, key } = selfSigned('broker.example')
    // One server plays every host that the browser meets.
    server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      tls: { cert, key },
      fetch(request) {
        const url = new URL(request.url)
        // As a proxy does that ends TLS: the broker itself speaks plain HTTP.
        if (url.host === 'broker.example')
          return kit.app.fetch(new Request(request.url.replace('https:', 'http:'), request))
        if (url.host === 'forge.example') {
          const state = url.searchParams.get('state') ?? ''
          const back = new URLSearchParams({ code: 'upstream', state })
          return Response.redirect(`https://broker.example/oauth/callback?${back}`, 302)
        }
        return new Response(`<title>client</title>`, { headers: { 'content-type': 'text/html' } })
      },
    })
    browser = await chromium.launch({
      ...(executablePath && { executablePath }),
      args: ['--no-sandbox', `--host-resolver-rules=MAP * 127.0.0.1:${server.port}`],
      env: { HOME: tmpdir(), PATH: process.env.PATH ?? '' },
    })
  }, SLOW_MS)

  afterAll(async () => {
    await browser?.close()
    await server?.stop(true)
    kit?.close()
  }, SLOW_MS)

  const consentPath = (redirectUri: string) =>
    `/oauth/authorize?${kit.flow.query(kit.flow.client('Kind Client', [redirectUri]))}`

  const ask = 'Let this app work on forge.example as you?'
  const PAGES: [string, string, () => string][] = [
    ['the consent page', ask, () => consentPath('https://app.example/callback')],
    ['the consent page for loopback', ask, () => consentPath('http://localhost:1234/cb')],
    ['the consent page for a private scheme', ask, () => consentPath('cursor://anysphere/cb')],
    ['the front page', 'Let your AI app work on forge.example', () => '/'],
    ['the page for a path that is not there', 'There is nothing here', () => '/nope'],
    ['the page for a wrong method', 'That does not work here', () => '/oauth/consent'],
  ]

  async function visit<T>(
    path: string,
    look: (page: Page, complaints: string[]) => Promise<T>,
  ): Promise<T> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(WAIT_MS)
    try {
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('console', (message) => {
        const text = message.text()
        if (!text.startsWith('Failed to load resource')) complaints.push(text)
      })
      page.on('pageerror', (error) => complaints.push(String(error)))
      await page.goto(`https://broker.example${path}`)
      return await look(page, complaints)
    } finally {
      await context.close()
    }
  }

  test.each(PAGES)(
    '%s has nothing that axe objects to, light or dark, and fits a phone',
    async (_name, heading, path) => {
      await visit(path(), async (page, complaints) => {
        expect(await page.locator('h1').textContent()).toBe(heading)
        await page.evaluate(axe.source)
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          const found = (await page.evaluate('axe.run()')) as axe.AxeResults
          expect(found.violations.map(({ id, nodes }) => [id, nodes.map((n) => n.html)])).toEqual(
            [],
          )
          expect(found.passes.map(({ id }) => id)).toContain('color-contrast')
        }
        await page.setViewportSize({ width: 390, height: 844 })
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
        for (const button of await page.locator('button, .button').all())
          expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44)
        expect(complaints).toEqual([])
      })
    },
    SLOW_MS,
  )

  test(
    'the keyboard reaches the choice and both buttons, and one sees where it is',
    async () => {
      await visit(consentPath('https://app.example/callback'), async (page) => {
        await page.keyboard.press('Tab')
        expect(await page.locator(':focus').getAttribute('value')).toBe('write')
        for (const name of ['Allow and sign in', 'Deny']) {
          await page.keyboard.press('Tab')
          const focused = page.locator(':focus')
          expect(await focused.textContent()).toBe(name)
          expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe(
            'solid',
          )
        }
      })
    },
    SLOW_MS,
  )

  test.each([
    ['Allow and sign in', 'code'],
    ['Deny', 'error'],
  ])(
    'clicking “%s” ends at the client with a %s: no redirect on the way is against the policy',
    async (button, parameter) => {
      await visit(consentPath('https://app.example/callback'), async (page, complaints) => {
        await page.getByRole('button', { name: button }).click()
        await page.waitForURL('https://app.example/**')
        expect(new URL(page.url()).searchParams.has(parameter)).toBe(true)
        expect(complaints).toEqual([])
      })
    },
    SLOW_MS,
  )
})
