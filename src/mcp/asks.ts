import { idKey } from './exact.ts'

/** Requests of one child that wait for the client at the same time. */
const MAX_OPEN_ASKS = 256

/** The requests of a child that the client has not answered: which of our ids stands for which of the child's. */
export interface Asks {
  /**
   * Takes a request of the child in and returns the id under which the client is asked; undefined when too many wait.
   * @param id the child's id, parsed
   * @param idText its JSON source
   */
  add(id: unknown, idText: string): number | undefined
  /** The JSON source of the child's id that an answer belongs to, once; undefined when nothing waits for it. */
  take(clientId: unknown): string | undefined
  /** Forgets a request that the child took back; returns the id under which the client knows it. */
  withdraw(id: unknown): number | undefined
  /** Forgets all; returns the ids under which the client knows them. */
  clear(): number[]
}

/** @param nextId ids for the client, never the same twice within a session */
export function createAsks(nextId: () => number): Asks {
  const open = new Map<number, { key: string; idText: string }>()
  return {
    add(id, idText) {
      const key = idKey(id)
      if (key === undefined || open.size >= MAX_OPEN_ASKS) return undefined
      const clientId = nextId()
      open.set(clientId, { key, idText })
      return clientId
    },
    take(clientId) {
      if (typeof clientId !== 'number') return undefined
      const ask = open.get(clientId)
      open.delete(clientId)
      return ask?.idText
    },
    withdraw(id) {
      const key = idKey(id)
      for (const [clientId, ask] of open) {
        if (ask.key !== key) continue
        open.delete(clientId)
        return clientId
      }
      return undefined
    },
    clear() {
      const clientIds = [...open.keys()]
      open.clear()
      return clientIds
    },
  }
}
