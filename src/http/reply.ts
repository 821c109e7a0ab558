/** An answer before it is sent: what is said, without the headers that every answer on its path bears. */
export interface Reply {
  readonly status: number
  readonly body: string | ReadableStream<Uint8Array> | null
  readonly headers?: Fields
}

/** Header fields by their names. */
export type Fields = Readonly<Record<string, string>>

const NONE: Fields = Object.freeze({})

/** Makes the response of a reply. */
export const responseOf = ({ status, body, headers = NONE }: Reply): Response =>
  new Response(body, { status, headers })

/** Makes the response of a reply, with the headers of its path. */
export type Respond = (reply: Reply, standing?: Fields) => Response

/**
 * Both kinds of headers are given to the response together, because one that is set afterwards costs more than the
 * response. What consists of constants (frozen objects) is merged once and kept.
 */
export function createRespond(): Respond {
  const kept = new WeakMap<Fields, WeakMap<Fields, Headers>>()

  const merge = (own: Fields, standing: Fields): Headers => {
    const headers = new Headers({ ...own, ...standing })
    if (Object.isFrozen(own) && Object.isFrozen(standing)) {
      const known = kept.get(own) ?? new WeakMap<Fields, Headers>()
      kept.set(own, known.set(standing, headers))
    }
    return headers
  }

  return ({ status, body, headers: own = NONE }, standing = NONE) => {
    const headers = kept.get(own)?.get(standing) ?? merge(own, standing)
    return new Response(body, { status, headers })
  }
}
