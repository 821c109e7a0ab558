import { DAY_MS, HOUR_MS, MINUTE_MS } from '../clock.ts'
import { type Html, html } from './html.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const plural = (count: number, unit: string): string =>
  `${count} ${unit}${count === 1 ? '' : 's'} ago`

/** How long ago `at` was at `now`, both epoch ms; a date once weeks have passed. */
export function ago(now: number, at: number): string {
  const past = Math.max(0, now - at)
  if (past < MINUTE_MS) return 'just now'
  if (past < HOUR_MS) return plural(Math.floor(past / MINUTE_MS), 'minute')
  if (past < DAY_MS) return plural(Math.floor(past / HOUR_MS), 'hour')
  if (past < 14 * DAY_MS) return plural(Math.floor(past / DAY_MS), 'day')
  const date = new Date(at)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

/** A moment for people, with the exact time for whoever asks: nobody told us their time zone. */
export function timeTag(now: number, at: number): Html {
  const exact = new Date(at).toISOString()
  const shown = `${exact.slice(0, 16).replace('T', ' ')} UTC`
  return html`<time datetime="${exact}" title="${shown}">${ago(now, at)}</time>`
}
