import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { type Flow, startFlow } from '../flows/kit.ts'
import { hasChromium, openChromium, passForgejo, signIn, visit } from './chromium.ts'
import { connectApp, liveAWhile } from './people.ts'

if (!hasChromium) console.log('SKIPPED: connections in a browser, because no chromium was found')

/** A browser takes longer than a function. */
const SLOW_MS = 60_000

describe.skipIf(!hasChromium)('in Chromium', () => {
  let flow: Flow
  let browser: Browser
  /** The client, where the browser is sent back to. */
  let client: Bun.Server<undefined>
  let callback: string
  beforeAll(async () => {
    client = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('thanks') })
    callback = `http://127.0.0.1:${client.port}/callback`
    flow = await startFlow()
    await liveAWhile(flow)
    browser = await openChromium()
  }, SLOW_MS)
  afterAll(async () => {
    await browser?.close()
    await client?.stop(true)
    await flow?.[Symbol.asyncDispose]()
  }, SLOW_MS)

  /** What axe objects to, in both colour schemes; and that the page fits a phone. */
  async function expectFlawless(page: Page): Promise<void> {
    await page.evaluate(axe.source)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const found = (await page.evaluate('axe.run()')) as axe.AxeResults
      expect(found.violations.map(({ id, nodes }) => [id, nodes.map((n) => n.html)])).toEqual([])
      expect(found.passes.map(({ id }) => id)).toContain('color-contrast')
    }
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
    for (const target of await page.locator('button, .button, summary, label').all())
      if (await target.isVisible())
        expect((await target.boundingBox())?.height).toBeGreaterThanOrEqual(44)
  }

  /** Presses Tab until the focus is on something that `is`, which must show it. */
  async function tabTo(page: Page, is: string): Promise<void> {
    for (let count = 0; count < 60; count += 1) {
      await page.keyboard.press('Tab')
      if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(is)})`)) {
        const outline = 'getComputedStyle(document.activeElement).outlineStyle'
        expect(await page.evaluate(outline)).toBe('solid')
        return
      }
    }
    throw new Error(`the keyboard does not reach ${is}`)
  }

  /** A client's request, and what its login comes to once somebody has said yes on the page. */
  async function asked(name: string) {
    const clientId = await flow.register(name, [callback])
    const { url, verifier } = flow.request(clientId, { redirect_uri: callback })
    return {
      url,
      async scope(page: Page): Promise<string> {
        await page.waitForURL(`${flow.forgejo.url}/**`)
        await passForgejo(flow, page, 'alice')
        await page.waitForURL(`${callback}?**`)
        const tokens = await flow.token({
          grant_type: 'authorization_code',
          client_id: clientId,
          code: new URL(page.url()).searchParams.get('code') ?? '',
          code_verifier: verifier,
          redirect_uri: callback,
        })
        return typeof tokens === 'string' ? tokens : tokens.scope
      },
    }
  }

  test(
    'the consent page with every choice open has nothing that axe objects to',
    async () => {
      const { url } = await asked('Axe')
      await visit(browser, {}, async (page, complaints) => {
        await page.goto(url)
        for (const choice of ['Read only', 'Read and write', 'Choose by area']) {
          await page.locator('.pick', { hasText: choice }).click()
          await expectFlawless(page)
        }
        expect(complaints).toEqual([])
      })
    },
    SLOW_MS,
  )

  test(
    'a choice by area is made by clicking, and shows what is chosen only',
    async () => {
      const { url, scope } = await asked('Clicked')
      await visit(browser, {}, async (page) => {
        await page.goto(url)
        expect(await page.getByRole('list').getByText('delete issues').isVisible()).toBe(true)
        expect(await page.locator('.area').first().isVisible()).toBe(false)
        await page.locator('.pick', { hasText: 'Choose by area' }).click()
        const issues = page.locator('.area', { hasText: 'Issues' })
        await issues.getByText('Read', { exact: true }).click()
        expect(await issues.locator('.if-read').isVisible()).toBe(true)
        expect(await issues.locator('.if-write').isVisible()).toBe(false)
        await page.locator('.area', { hasText: 'Your account' }).getByText('No access').click()
        await page.getByRole('button', { name: 'Allow and sign in' }).click()
        expect(await scope(page)).toBe('write:repository read:issue')
      })
    },
    SLOW_MS,
  )

  test(
    'a choice is made by keyboard alone',
    async () => {
      const { url, scope } = await asked('Typed')
      await visit(browser, {}, async (page) => {
        await page.goto(url)
        await tabTo(page, '[name=access]:checked')
        await page.keyboard.press('ArrowDown')
        await tabTo(page, '[name="area.repository"]')
        await page.keyboard.press('ArrowLeft')
        await tabTo(page, '[name="area.issue"]')
        await tabTo(page, 'button[value=allow]')
        await page.keyboard.press('Enter')
        expect(await scope(page)).toBe('read:user read:repository write:issue')
      })
    },
    SLOW_MS,
  )

  test(
    'the connections page with everything open has nothing that axe objects to',
    async () => {
      await visit(browser, {}, async (page, complaints) => {
        await page.goto(`${flow.issuer}/connections`)
        await expectFlawless(page)
        await page.setViewportSize({ width: 900, height: 900 })
        await signIn(flow, page)
        await expectFlawless(page)
        for (const summary of await page.locator('summary').all()) await summary.click()
        for (const form of await page.locator('form', { hasText: 'Choose by area' }).all())
          await form.locator('.pick', { hasText: 'Choose by area' }).click()
        await expectFlawless(page)
        expect(complaints).toEqual([])
      })
    },
    SLOW_MS,
  )

  test(
    'permissions are narrowed and a client is disconnected by clicking',
    async () => {
      const app = await connectApp(flow, 'Claude')
      await visit(browser, {}, async (page, complaints) => {
        await signIn(flow, page)
        const card = page.locator('article', { hasText: 'Claude' })
        await card.locator('summary', { hasText: 'What it may do' }).click()
        await card.locator('.pick', { hasText: 'Read only' }).click()
        await card.getByRole('button', { name: 'Save what it may do' }).click()
        await page.getByRole('status').waitFor()
        expect(await card.getByText('reads only').isVisible()).toBe(true)
        expect(mayWrite(app.tokens.access_token)).toBe(false)
        await card.locator('summary', { hasText: 'Disconnect' }).click()
        await card.getByRole('button', { name: 'Disconnect Claude' }).click()
        await page.getByText('Its access is gone').waitFor()
        expect(await card.count()).toBe(0)
        expect(flow.verifier.verify(app.tokens.access_token).ok).toBe(false)
        expect(complaints).toEqual([])
      })
    },
    SLOW_MS,
  )

  test(
    'all of that goes by keyboard alone, too',
    async () => {
      // The newest connection comes first.
      await flow.clock.advance(1)
      const app = await connectApp(flow, 'Claude')
      await visit(browser, {}, async (page) => {
        await page.goto(`${flow.issuer}/connections`)
        await tabTo(page, 'button[value=sign-in]')
        await page.keyboard.press('Enter')
        await page.waitForURL(`${flow.forgejo.url}/**`)
        await passForgejo(flow, page, 'alice')
        await page.getByRole('heading', { name: 'Your connections' }).waitFor()
        await tabTo(page, 'article:first-of-type summary')
        await page.keyboard.press('Enter')
        await tabTo(page, '[name=access]:checked')
        await page.keyboard.press('ArrowUp')
        await tabTo(page, 'button[value=change]')
        await page.keyboard.press('Enter')
        await page.getByRole('status').waitFor()
        expect(mayWrite(app.tokens.access_token)).toBe(false)
        await tabTo(page, 'details:last-of-type > summary')
        await page.keyboard.press('Space')
        await tabTo(page, 'button[value=disconnect]')
        await page.keyboard.press('Enter')
        await page.getByText('Its access is gone').waitFor()
        expect(flow.verifier.verify(app.tokens.access_token).ok).toBe(false)
        await page.goto(`${flow.issuer}/connections`)
        await tabTo(page, 'button[value=sign-out]')
        await page.keyboard.press('Enter')
        await page.getByText('You are signed out').waitFor()
      })
    },
    SLOW_MS,
  )

  function mayWrite(token: string): boolean {
    const caller = flow.verifier.verify(token)
    return caller.ok && caller.value.scopes.some((scope) => scope.startsWith('write:'))
  }
})
