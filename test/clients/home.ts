import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBrowser, type LoginAs, loginAtForgejo } from '../fixtures/browser.ts'
import { until } from '../fixtures/until.ts'

const AUTHORIZE = /http:\/\/\S+\/oauth\/authorize\?\S+/g

/** What a person does with the pages that they are sent to; `away` opens none of them. */
export type Person = Omit<LoginAs, 'user' | 'password'> & { away?: boolean }

/** A home directory for clients, whose person logs in as a user of the Forgejo stand-in. */
export function openHome(user: string, first: Person = {}) {
  let person = first
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  // Whatever opens browsers here finds this one, which does nothing: the printed address is used.
  const browserPath = join(folder, 'browser')
  writeFileSync(browserPath, '#!/bin/sh\n', { mode: 0o755 })
  const browser = createBrowser()
  /** The addresses that the person was sent to, in order. */
  const visited: URL[] = []

  /** Opens every address that a client prints, as a person does, and comes back to the client. */
  async function watch(stderr: ReadableStream<Uint8Array>, note: (text: string) => void) {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of stderr) {
      text += decoder.decode(chunk, { stream: true })
      note(text)
      // An address is whole once something follows it.
      for (const [printed] of text.slice(0, text.lastIndexOf('\n') + 1).matchAll(AUTHORIZE)) {
        if (visited.some(({ href }) => href === new URL(printed).href)) continue
        visited.push(new URL(printed))
        const { away = false, ...pressed } = person
        if (away) continue
        const back = await loginAtForgejo(browser, printed, { user, ...pressed })
        // A client may listen only after it has sent its person away: a person is slower than this one.
        const answer = await until('the client listens', () => fetch(back).catch(() => undefined))
        await answer.body?.cancel()
      }
    }
  }

  return {
    folder,
    browser,
    visited,

    /** From now on the person does this. */
    become(next: Person): void {
      person = next
    },

    /** Starts a client under this Bun; its environment is `env` and what a home needs. */
    start(command: string[], env: Record<string, string> = {}) {
      const child = Bun.spawn([process.execPath, ...command], {
        cwd: folder,
        env: {
          PATH: process.env.PATH ?? '/usr/bin:/bin',
          HOME: folder,
          BROWSER: browserPath,
          BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
          ...env,
        },
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      let said = ''
      const watching = watch(child.stderr, (text) => {
        said = text
      })
      return {
        child,
        /** What it wrote to standard error. */
        said: () => said,
        /** Its exit code, after everything it wrote was read. */
        async ended(): Promise<number> {
          await watching
          return await child.exited
        },
      }
    },

    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export type Home = ReturnType<typeof openHome>
