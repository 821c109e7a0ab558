import { text } from 'drizzle-orm/sqlite-core'
import type { Sealed, TokenHash } from '../crypto.ts'

/** SHA-256 in hex. */
export const hash = (name: string) => text(name).$type<TokenHash>()

/** AES-256-GCM, bound to `<table>.<column>:<row key>`. */
export const sealed = (name: string) => text(name).$type<Sealed>()

/** A JSON array of strings. */
export const list = (name: string) => text(name, { mode: 'json' }).$type<string[]>()
