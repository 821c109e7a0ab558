import type { Book } from './book.ts'
import { POOL_STATES } from './pool/child.ts'
import type { Pool } from './pool/pool.ts'

type Children = ReturnType<Pool['children']>

/** How many there are of each kind. */
function countBy<T>(all: Iterable<T>, kindOf: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(kindOf(one), (counts.get(kindOf(one)) ?? 0) + 1)
  return counts
}

/** An account's sessions that have a child, by client. */
export const awakeSessions = (book: Book, accountId: string): Map<string, number> =>
  countBy(
    [...book.living(accountId)].filter((session) => session.awake),
    ({ row }) => row.clientId,
  )

/** An account's children of the pool, by client. */
export const pooledChildren = (children: Children, accountId: string): Map<string, number> =>
  countBy(
    [...children].filter(({ key }) => key.accountId === accountId),
    ({ key }) => key.clientId,
  )

/** Every child of the pool, by state; states that none is in are 0. */
export const poolStates = (children: Children): Map<string, number> =>
  new Map([
    ...POOL_STATES.map((state): [string, number] => [state, 0]),
    ...countBy(children, ({ state }) => state),
  ])
