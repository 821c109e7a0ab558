import { withoutSecrets } from '../log.ts'

export interface Mask {
  /** Takes a piece of text; returns what can be told of it by now, secrets replaced. */
  push(text: string): string
  /** Returns what was held back. */
  end(): string
}

/**
 * Replaces secrets in a text that comes in pieces. What may be the beginning of a secret is held back until the next
 * piece shows whether it is one, so that a secret cut anywhere is still found.
 */
export function createMask(secrets: readonly string[]): Mask {
  const wanted = secrets.filter((secret) => secret !== '')
  let held = ''
  return {
    push(text) {
      const clean = withoutSecrets(held + text, wanted)
      const keep = Math.max(0, ...wanted.map((secret) => overlap(clean, secret)))
      held = clean.slice(clean.length - keep)
      return clean.slice(0, clean.length - keep)
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** The length of the longest proper beginning of `secret` that `text` ends with. */
function overlap(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(secret.slice(0, length))) return length
  return 0
}
