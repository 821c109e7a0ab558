import { readFileSync } from 'node:fs'
import { type Clock, SECOND_MS, sleep } from '../clock.ts'
import { signalGroup } from './group.ts'

/** A child that a broker wrote down when it started it. */
export interface Recorded {
  pid: number
  startTime: string
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const TERM_WAIT_MS = 2 * SECOND_MS
const KILL_WAIT_MS = SECOND_MS
const POLL_MS = 25
/** Fields of /proc/<pid>/stat (proc(5)) counted behind the command's closing parenthesis: state is 3, starttime 22. */
const STATE = 0
const START_TIME = 19

/**
 * When a process was started, `<boot id>:<clock ticks since boot>`: together with its pid this names it for good.
 * '' when there is no such living process (a zombie is none) or the system is not Linux.
 */
export function findStartTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command may hold spaces and parentheses itself: the last one closes it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[STATE] === 'Z' || fields[STATE] === 'X') return ''
    return `${readFileSync(BOOT_ID, 'latin1').trim()}:${fields[START_TIME]}`
  } catch {
    return ''
  }
}

/** Whether the very process that was recorded still lives, not another one under its pid. */
export const isAlive = (row: Recorded): boolean =>
  row.startTime !== '' && findStartTime(row.pid) === row.startTime

/**
 * Ends what a broker that was killed left behind: SIGTERM to the group of each recorded process that still lives, and
 * SIGKILL to what is left of it 2 s later. Takes at most 3 s. Returns the rows that were found alive.
 */
export async function sweep<Row extends Recorded>(
  rows: readonly Row[],
  clock: Clock,
): Promise<Row[]> {
  const orphans = rows.filter((row) => row.pid > 1 && row.pid !== process.pid && isAlive(row))
  await Promise.all(orphans.map((row) => end(row, clock)))
  return orphans
}

async function end(row: Recorded, clock: Clock): Promise<void> {
  signalGroup(row.pid, 'SIGTERM')
  await gone(row, TERM_WAIT_MS, clock)
  // Also when its leader is gone: others of the group may have ignored the signal.
  signalGroup(row.pid, 'SIGKILL')
  await gone(row, KILL_WAIT_MS, clock)
}

async function gone(row: Recorded, limitMs: number, clock: Clock): Promise<void> {
  for (let waited = 0; waited < limitMs && isAlive(row); waited += POLL_MS)
    await sleep(clock, POLL_MS)
}
