import { Database } from 'bun:sqlite'
import { readdirSync, readFileSync, statSync } from 'node:fs'

/** How a broker stands at one moment. */
export interface Sample {
  /** Sessions opened so far. */
  opened: number
  /** Resident memory of the broker, bytes. */
  rss: number
  /** Its open file descriptors. */
  descriptors: number
  /** Its children. */
  children: number
}

/** A field of /proc/<pid>/status that counts kB, in bytes. */
function statusBytes(pid: number, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm')
  return Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

/** Looks at a broker from outside. */
export const sample = (pid: number, opened: number, children: number): Sample => ({
  opened,
  rss: statusBytes(pid, 'VmRSS'),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
  children,
})

/** Bytes that the store takes for its content: pages in use, whatever the files' sizes. */
export function storeBytes(storePath: string): number {
  const db = new Database(storePath, { readonly: true })
  try {
    const pragma = (name: string) =>
      Number(Object.values(db.query(`PRAGMA ${name}`).get() as object)[0])
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  } finally {
    db.close()
  }
}

/** The size of the store's files, bytes. */
export const fileBytes = (storePath: string): number =>
  ['', '-wal', '-shm']
    .map((end) => statSync(storePath + end, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0)

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
