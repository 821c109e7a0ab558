import { parseArgs } from 'node:util'
import { type ArgsDef, type CommandDef, renderUsage, runCommand } from 'citty'
import { OperatorError } from '../errors.ts'
import { describe } from '../log.ts'
import { root } from './commands.ts'

/**
 * Runs one command line.
 * Returns the exit code: 0 done, 1 runtime failure, 2 configuration or usage.
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const found = await findCommand(argv)
    if (argv.includes('--help') || argv.includes('-h')) {
      const usage = await renderUsage(found.command, found.parent)
      console.log(process.stdout.isTTY ? usage : Bun.stripANSI(usage))
      return 0
    }
    checkUsage(found)
    const { result } = await runCommand(found.command, { rawArgs: [...found.args] })
    return typeof result === 'number' ? result : 0
  } catch (error) {
    if (error instanceof OperatorError) {
      console.error(`fjmcp-broker: ${error.message}\n  ${error.hint.replaceAll('\n', '\n  ')}`)
      return error.exitCode
    }
    console.error(`fjmcp-broker: ${describe(error)}`)
    return 1
  }
}

interface Found {
  command: CommandDef
  parent?: CommandDef
  /** The command's name as typed. */
  name: string
  /** What follows the command's name. */
  args: readonly string[]
}

const COMMAND_HINT = 'fjmcp-broker --help lists the commands'

/** Walks down the command words; without one, `serve` is meant. */
async function findCommand(argv: readonly string[]): Promise<Found> {
  let found: Found = { command: root, name: 'fjmcp-broker', args: argv }
  for (;;) {
    const { subCommands } = found.command
    if (!subCommands) return found
    const table = subCommands as Record<string, CommandDef>
    const [word, ...rest] = found.args
    const known = word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined
    if (known) {
      found = { command: known, parent: found.command, name: `${found.name} ${word}`, args: rest }
    } else if (word === undefined || word.startsWith('-')) {
      const asksForHelp = found.args.includes('--help') || found.args.includes('-h')
      if (found.command !== root || asksForHelp) {
        if (asksForHelp) return found
        throw new OperatorError(
          `${found.name} needs a command`,
          `one of: ${Object.keys(table).join(', ')}`,
          2,
        )
      }
      const serve = table.serve
      if (!serve) return found
      return { command: serve, parent: root, name: 'fjmcp-broker serve', args: found.args }
    } else {
      throw new OperatorError(`unknown command ${JSON.stringify(word)}`, COMMAND_HINT, 2)
    }
  }
}

/** Refuses unknown flags, missing values and surplus words, which citty would let pass. */
function checkUsage({ command, name, args }: Found): void {
  const definitions = Object.entries((command.args ?? {}) as ArgsDef)
  const flags = definitions.filter(([, definition]) => definition.type !== 'positional')
  const words = definitions.filter(([, definition]) => definition.type === 'positional')
  const options = Object.fromEntries(
    flags.map(([flag, { type }]) => [
      flag,
      { type: type === 'boolean' ? 'boolean' : 'string' } as const,
    ]),
  )
  const hint = `${name} --help tells its usage`
  let positionals: string[]
  try {
    positionals = parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: true,
    }).positionals
  } catch (error) {
    throw new OperatorError((error as Error).message.split('. ')[0] ?? 'bad usage', hint, 2)
  }
  const required = words.filter(([, definition]) => definition.required !== false)
  const missing = required[positionals.length]
  if (missing) throw new OperatorError(`${name} needs ${missing[0].toUpperCase()}`, hint, 2)
  const open = words.some(([word]) => word.endsWith('...'))
  if (!open && positionals.length > words.length) {
    throw new OperatorError(`unexpected ${JSON.stringify(positionals[words.length])}`, hint, 2)
  }
}
