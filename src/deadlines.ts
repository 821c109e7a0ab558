import type { Cancel, Clock } from './clock.ts'

/** Something with a deadline; it stands in one list at a time. The first three belong to the list. */
export interface Due {
  due: number
  before: Due | undefined
  after: Due | undefined
  /** The deadline has passed. */
  expire(): void
}

/**
 * Deadlines that are all `ms` milliseconds away when they begin: they end in that order, so one timer serves them all.
 * Most are taken back long before, and a timer for each would cost more than the rest of a call. A list that has
 * become empty lets its timer run out.
 */
export class Deadlines {
  private first: Due | undefined
  private last: Due | undefined
  private stopTimer: Cancel | undefined

  constructor(
    private readonly clock: Clock,
    private readonly ms: number,
  ) {}

  /** Begins a deadline. */
  add(item: Due): void {
    item.due = this.clock.elapsed() + this.ms
    item.before = this.last
    item.after = undefined
    if (this.last) this.last.after = item
    else this.first = item
    this.last = item
    if (!this.stopTimer) this.run(this.ms)
  }

  /** Takes a deadline back; nothing happens when it is not in the list. */
  remove(item: Due): void {
    if (item.before === undefined && this.first !== item) return
    if (item.before) item.before.after = item.after
    else this.first = item.after
    if (item.after) item.after.before = item.before
    else this.last = item.before
    item.before = undefined
    item.after = undefined
  }

  /** Lets go of the timer at once when nothing is left, for a list that is not needed any more. */
  rest(): void {
    if (this.first) return
    this.stopTimer?.()
    this.stopTimer = undefined
  }

  private run(ms: number): void {
    this.stopTimer = this.clock.after(ms, () => {
      this.stopTimer = undefined
      try {
        for (let item = this.first; item && item.due <= this.clock.elapsed(); item = this.first) {
          this.remove(item)
          item.expire()
        }
      } finally {
        if (this.first && !this.stopTimer)
          this.run(Math.max(this.first.due - this.clock.elapsed(), 0))
      }
    })
  }
}
