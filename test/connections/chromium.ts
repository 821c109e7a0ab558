import { tmpdir } from 'node:os'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Flow } from '../flows/kit.ts'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => Bun.which(name))
  .find((path) => path !== null)

/** Whether there is a browser to try pages in. */
export const hasChromium = executablePath !== undefined

/** Longest wait for one step in it, in milliseconds. */
const WAIT_MS = 15_000

/** Starts Chromium without a window. */
export const openChromium = (): Promise<Browser> =>
  chromium.launch({
    ...(executablePath && { executablePath }),
    args: ['--no-sandbox'],
    env: { HOME: tmpdir(), PATH: process.env.PATH ?? '' },
  })

export interface Look {
  colorScheme?: 'light' | 'dark'
  viewport?: { width: number; height: number }
}

/** Opens a browser profile of its own for `look` and closes it again; `complaints` are what its console said. */
export async function visit<T>(
  browser: Browser,
  { colorScheme = 'light', viewport = { width: 900, height: 900 } }: Look,
  look: (page: Page, complaints: string[]) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext({ colorScheme, viewport })
  context.setDefaultTimeout(WAIT_MS)
  try {
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      const text = message.text()
      // Forgejo's own login form is not our page.
      const theirs = text.startsWith('Failed to load resource') || text.startsWith('[DOM] Input')
      if (!theirs) complaints.push(text)
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    return await look(page, complaints)
  } finally {
    await context.close()
  }
}

/** Answers Forgejo's own pages until the browser is back at ours or at a client. */
export async function passForgejo(flow: Flow, page: Page, user: string): Promise<void> {
  const atForgejo = () => page.url().startsWith(flow.forgejo.url)
  for (let count = 0; atForgejo() && count < 4; count += 1) {
    const before = page.url()
    if (await page.locator('[name=user_name]').count()) {
      await page.fill('[name=user_name]', user)
      await page.fill('[name=password]', 'password')
      await page.keyboard.press('Enter')
    } else await page.locator('button[name=granted][value=true]').click()
    await page.waitForURL((url) => url.href !== before)
  }
}

/** Signs in to the connections page by clicking. */
export async function signIn(flow: Flow, page: Page, user = 'alice'): Promise<void> {
  await page.goto(`${flow.issuer}/connections`)
  await page.getByRole('button', { name: /^Sign in/ }).click()
  await page.waitForURL((url) => url.pathname !== '/connections' || url.origin !== flow.issuer)
  await passForgejo(flow, page, user)
  await page.getByRole('heading', { name: 'Your connections' }).waitFor()
}
