/**
 * How a child written in Go reads a line: a reader of its own, which keeps every member in its order, matches names
 * by simple case folding, lets the last one win, and replaces lone surrogates. Nothing of src/ is used here.
 */
type Node =
  | { type: 'object'; members: [string, Node][] }
  | { type: 'array'; items: Node[] }
  | { type: 'string'; value: string }
  /** Numbers and literals by their source. */
  | { type: 'bare'; source: string }

/** What a Go struct with these fields holds after the line was read. */
export interface GoMessage {
  jsonrpc?: unknown
  id?: unknown
  method?: unknown
  hasParams: boolean
  params: Record<string, unknown>
  meta: Record<string, unknown>
  hasResult: boolean
  hasError: boolean
}

const sameName = (key: string, name: string): boolean =>
  key === name || folded(key) === folded(name)

/** The capital forms and the two characters outside ASCII that fold into it, each put in its own small letter. */
const folded = (name: string): string =>
  Array.from(name, (char) => {
    if (char === '\u017f') return 's'
    if (char === '\u212a') return 'k'
    return char >= 'A' && char <= 'Z' ? String.fromCharCode(char.charCodeAt(0) + 32) : char
  }).join('')

/** Reads bytes as Go does, malformed UTF-8 included; undefined when they are no JSON object. */
export function goRead(bytes: Uint8Array, params: readonly string[]): GoMessage | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let node: Node
  try {
    node = parse(text)
  } catch {
    return undefined
  }
  if (node.type !== 'object') return undefined
  const inner = field(node, 'params')
  const meta = inner && field(inner, '_meta')
  return {
    jsonrpc: plain(field(node, 'jsonrpc')),
    id: plain(field(node, 'id')),
    method: plain(field(node, 'method')),
    hasParams: inner !== undefined,
    params: Object.fromEntries(
      params.map((name) => [name, plain(inner && field(inner, name))] as const),
    ),
    meta: { progressToken: plain(meta && field(meta, 'progressToken')) },
    hasResult: field(node, 'result') !== undefined,
    hasError: field(node, 'error') !== undefined,
  }
}

const field = (node: Node, name: string): Node | undefined =>
  node.type === 'object' ? node.members.findLast(([key]) => sameName(key, name))?.[1] : undefined

/** A node as a value that can be compared: numbers as `#` and their source, maps exactly and last wins. */
function plain(node: Node | undefined): unknown {
  if (node === undefined) return undefined
  if (node.type === 'string') return node.value
  if (node.type === 'bare') return `#${node.source}`
  if (node.type === 'array') return node.items.map(plain)
  return Object.fromEntries(node.members.map(([key, value]) => [key, plain(value)]))
}

function parse(text: string): Node {
  let at = 0
  const space = (): void => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  }
  const expect = (char: string): void => {
    if (text[at] !== char) throw new SyntaxError(`${char} at ${at}`)
    at++
  }
  const string = (): string => {
    expect('"')
    let out = ''
    while (text[at] !== '"') {
      const char = text[at++]
      if (char === undefined || char < ' ') throw new SyntaxError('string')
      if (char !== '\\') {
        out += char
        continue
      }
      const escaped = text[at++] ?? ''
      const simple = 'bfnrt"\\/'.indexOf(escaped)
      if (escaped === 'u') {
        const hex = text.slice(at, at + 4)
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw new SyntaxError('escape')
        out += String.fromCharCode(Number.parseInt(hex, 16))
        at += 4
      } else if (escaped !== '' && simple >= 0) out += '\b\f\n\r\t"\\/'[simple]
      else throw new SyntaxError('escape')
    }
    at++
    return out.toWellFormed()
  }
  const list = <T>(close: string, item: () => T): T[] => {
    at++
    space()
    const items: T[] = []
    while (text[at] !== close) {
      if (items.length > 0) {
        expect(',')
        space()
      }
      items.push(item())
      space()
    }
    at++
    return items
  }
  const value = (): Node => {
    space()
    const char = text[at]
    if (char === '"') return { type: 'string', value: string() }
    if (char === '[') return { type: 'array', items: list(']', value) }
    if (char === '{') {
      const members = list('}', (): [string, Node] => {
        const key = string()
        space()
        expect(':')
        return [key, value()]
      })
      return { type: 'object', members }
    }
    const source = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(
      text.slice(at, at + 60),
    )?.[0]
    if (source === undefined) throw new SyntaxError(`value at ${at}`)
    at += source.length
    return { type: 'bare', source }
  }
  const node = value()
  space()
  if (at < text.length) throw new SyntaxError('more')
  return node
}
