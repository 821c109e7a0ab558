import { record, renderRows } from './routes-recorder.ts'

// Writes the relay's table of routes anew, from what the stand-in for forgejo-mcp asks of the stand-in Forgejo.
await Bun.write(`${import.meta.dir}/../../src/relay/route-rows.ts`, renderRows(await record()))
