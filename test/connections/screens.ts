import type { Page } from 'playwright-core'
import { startFlow } from '../flows/kit.ts'
import { type Look, openChromium, signIn, visit } from './chromium.ts'
import { liveAWhile } from './people.ts'

// `bun test/connections/screens.ts` takes the pictures in docs/screenshots anew.

const FOLDER = 'docs/screenshots'
const WIDE = { width: 800, height: 860 }
/** As much of a long page as a picture needs. */
const LONG = { width: 800, height: 1200 }
const PHONE = { width: 390, height: 844 }

await using flow = await startFlow()
await liveAWhile(flow)
const browser = await openChromium()
const clientId = await flow.register('Claude', ['https://claude.ai/api/mcp/auth_callback'])
const { url } = flow.request(clientId, { redirect_uri: 'https://claude.ai/api/mcp/auth_callback' })

/** The stand-in listens on a port of loopback that is another one each time: pictures get a name in its place. */
const rename = (page: Page) =>
  page.evaluate(`
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode())
      walker.currentNode.nodeValue = walker.currentNode.nodeValue.replaceAll(
        ${JSON.stringify(new URL(flow.forgejo.url).host)}, 'forge.example.org')`)

async function take(name: string, look: Look, go: (page: Page) => Promise<void>): Promise<void> {
  await visit(browser, look, async (page) => {
    await go(page)
    await rename(page)
    await page.screenshot({ path: `${FOLDER}/${name}.png`, fullPage: look.viewport !== LONG })
  })
}

const consent = async (page: Page) => {
  await page.goto(url)
}
const byArea = async (page: Page) => {
  await page.goto(url)
  await page.getByText('Choose by area').click()
  await page.locator('[name="area.issue"][value=read]').check()
  await page.locator('[name="area.user"][value=none]').check()
}
const connections = async (page: Page) => {
  await signIn(flow, page)
}
const history = async (page: Page) => {
  await signIn(flow, page)
  await page.locator('article summary').nth(1).click()
}

await take('consent', { viewport: WIDE }, consent)
await take('consent-dark', { viewport: WIDE, colorScheme: 'dark' }, byArea)
await take('consent-phone', { viewport: PHONE }, byArea)
await take('connections', { viewport: LONG }, history)
await take('connections-dark', { viewport: WIDE, colorScheme: 'dark' }, connections)
await take('connections-phone', { viewport: PHONE }, connections)
await browser.close()
