import type { Calls } from './calls.ts'
import { isObject, type Params } from './rpc.ts'
import { isObjectAt, members, skipSpace } from './scan.ts'

const REASON = 'line-too-long'
const TEXT = 'the child answered with a line over the cap'

/**
 * Ends the call that a line answers which was too long to keep, or every open call when it is not known which that is:
 * all could wait for it until their deadline. Returns false when it concerns no call.
 * @param head how the line begins
 */
export function failOversize(calls: Calls, head: string): boolean {
  const said = readHead(head)
  if (isNotification(said)) return false
  const id = isAnswer(said) ? said.id : undefined
  if (calls.isOver(id)) return false
  const call = calls.get(id)
  // It may have answered none of them: those that it did not, the child still owes.
  if (call === undefined) for (const each of calls.waiting()) calls.refuse(each, REASON, TEXT)
  else {
    calls.refuse(call, REASON, TEXT)
    calls.close(call)
  }
  return true
}

/**
 * What a message says in front of the member in which `head` ends; that one is there, as null. Nothing when this is no
 * JSON so far. Of two equal keys the last one counts, as in JSON.parse, but only as far as `head` goes: a child that
 * puts a second id or a method behind its result contradicts itself, and harms no calls but those it was given.
 */
function readHead(head: string): Params {
  const start = skipSpace(head, 0)
  if (!isObjectAt(head, start)) return {}
  try {
    const cut = members(head, start).at(-1)
    if (cut === undefined || cut.end < head.length) return {}
    const said: unknown = JSON.parse(`${head.slice(0, cut.start)}null}`)
    return isObject(said) ? said : {}
  } catch {
    return {}
  }
}

/** A request has an id, but some write it last: what no notification is called may be one, and calls may hang on it. */
const isNotification = ({ id, method }: Params): boolean =>
  id === undefined && typeof method === 'string' && method.startsWith('notifications/')

const isAnswer = (said: Params): boolean =>
  !('method' in said) && ('result' in said || 'error' in said)
