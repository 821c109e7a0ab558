import { isObject, type Params } from '../rpc.ts'

/**
 * What a client says it can do that a child may ask for: the names are paths into ClientCapabilities, such as
 * `elicitation` and `elicitation.url`. Other capabilities mean nothing to a child and are left out.
 */
export type Capabilities = ReadonlySet<string>

/** The parts of each capability that change what may be asked (2026-07-28 schema, ClientCapabilities). */
const PARTS: readonly (readonly [string, readonly string[]])[] = [
  ['elicitation', ['form', 'url']],
  ['roots', []],
  ['sampling', ['context', 'tools']],
]

/** Reads a ClientCapabilities object. */
export function readCapabilities(declared: Params): Capabilities {
  const found = new Set<string>()
  for (const [name, parts] of PARTS) {
    const value = declared[name]
    if (!isObject(value)) continue
    found.add(name)
    for (const part of parts) if (isObject(value[part])) found.add(`${name}.${part}`)
  }
  // An empty object stands for forms, which came first (client/elicitation, "Capabilities").
  if (found.has('elicitation') && !found.has('elicitation.url')) found.add('elicitation.form')
  return found
}

/** A text that is the same for equal sets. There are at most forty of them. */
export const capabilityKey = (capabilities: Capabilities): string =>
  capabilities.size === 0 ? '' : [...capabilities].sort().join(' ')

/** The ClientCapabilities object of a set: what a child is told at `initialize`, or what it misses. */
export function renderCapabilities(capabilities: Iterable<string>): Params {
  const rendered: Record<string, Record<string, unknown>> = {}
  for (const path of capabilities) {
    const [name = '', part] = path.split('.')
    const inner = rendered[name] ?? {}
    if (part !== undefined) inner[part] = {}
    rendered[name] = inner
  }
  return rendered
}
