/** How lists are written: a table for people, one JSON document for programs. */
export const jsonArg = {
  json: { type: 'boolean' as const, description: 'write JSON' },
}

/** An epoch-millisecond time for people, in UTC; a dash for none. */
export const when = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '-' : `${new Date(ms).toISOString().slice(0, 19)}Z`

/** Text from outside on one line, so that it cannot drive a terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '?')

/** Prints rows under their headings, columns aligned; says so when there are none. */
export function printTable(headings: string[], rows: (string | number)[][], none: string): void {
  if (rows.length === 0) {
    console.log(none)
    return
  }
  const lines = [headings, ...rows.map((row) => row.map((cell) => plain(String(cell))))]
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  for (const line of lines) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}

/** Prints a value as JSON. */
export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))
