/**
 * Signals a process and everything in the process group it leads.
 * Returns false when nothing of the group is left, or it is not ours to signal.
 */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  // A negative 0 or 1 would mean our own group, or every process there is.
  if (pid <= 1) return false
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}
