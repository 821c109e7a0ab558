import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

/** Whatever is named like this in a query or a form is secret. */
const SECRET_FIELDS = ['code', 'code_verifier', 'refresh_token', 'client_secret', 'token']
/** Shorter ones would be found by chance. */
const MIN_SECRET_LENGTH = 20
/** Tokens of Forgejo's, of ours and passes, whoever holds them. */
const SHAPES = /eyJ[\w-]{20,}\.eyJ|fj(?:at|rt|co|pass)_[\w-]{20,}|gt[ao]_[a-z2-7]{52}/

/** Everything secret that went over the wire: between broker and Forgejo, and between clients and broker. */
function secretsOf({ forgejo, people }: Stage): string[] {
  const fields = forgejo.requests.flatMap(({ path, body }) => [
    ...new URL(path, 'http://forgejo').searchParams,
    ...new URLSearchParams(body),
  ])
  const named = fields.filter(([name]) => SECRET_FIELDS.includes(name)).map(([, value]) => value)
  const all = [
    ...named,
    ...forgejo.requests.flatMap(({ token }) => token ?? []),
    ...people.flatMap(({ provider }) => [...provider.secrets]),
    ...people.flatMap((person) => person.sessionId() ?? []),
  ]
  return [...new Set(all)].filter((secret) => secret.length >= MIN_SECRET_LENGTH)
}

/** The database and its journals: sealed and hashed values only. */
const files = (folder: string): [string, string][] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')])

/** Where a secret was said that nobody should hear: the log, the audit, an answer, a file. */
export function leaks(stage: Stage, audit: string): string[] {
  const places: [string, string][] = [
    ['the log', stage.log()],
    ['the audit', audit],
    ...stage.people.flatMap(({ said, user }) =>
      said.map((text): [string, string] => [`an answer to ${user}`, text]),
    ),
    ...files(stage.folder),
  ]
  const secrets = secretsOf(stage)
  return places.flatMap(([place, text]) => {
    const shape = SHAPES.exec(text)?.[0]
    return [
      ...secrets.filter((secret) => text.includes(secret)),
      ...(shape === undefined ? [] : [shape]),
    ].map((secret) => `${secret.slice(0, 12)}… in ${place}`)
  })
}
