import { until } from '../fixtures/until.ts'

/** Somebody who asks Forgejo who they are, again and again. */
export interface Voice {
  /** The login that every answer must name. */
  user: string
  ask(): Promise<string>
}

/** What a chorus has come to. */
export interface Sung {
  calls: number
  /** Answers that named somebody else: never allowed. */
  wrong: string[]
  /** Calls without an answer. */
  failed: string[]
}

const LINES_PER_VOICE = 2
const BREATH_MS = 25

/** Lets every voice call again and again, several calls at once, until it is stopped. */
export function startChorus(voices: readonly Voice[]) {
  const sung: Sung = { calls: 0, wrong: [], failed: [] }
  const rounds = voices.map(() => 0)
  let singing = true

  const sing = async ({ user, ask }: Voice, at: number) => {
    while (singing) {
      try {
        const login = await ask()
        if (login !== user) sung.wrong.push(`${user} acted as ${login}`)
        sung.calls += 1
        rounds[at] = (rounds[at] ?? 0) + 1
      } catch (error) {
        sung.failed.push(`${user}: ${error instanceof Error ? error.message : error}`)
      }
      await Bun.sleep(BREATH_MS)
    }
  }
  const lines = voices.flatMap((voice, at) =>
    Array.from({ length: LINES_PER_VOICE }, () => sing(voice, at)),
  )

  return {
    sung,
    /** Resolves when every voice was answered `count` more times. */
    async rounds(count = 3): Promise<void> {
      const aims = rounds.map((done) => done + count)
      await until(`${count} answers for every voice; failed: ${sung.failed.at(-1)}`, () =>
        aims.every((aim, at) => (rounds[at] ?? 0) >= aim),
      )
    },
    async stop(): Promise<Sung> {
      singing = false
      await Promise.all(lines)
      return sung
    },
  }
}
