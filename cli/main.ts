#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { helpOf, parseArgsOptions, UsageError } from './commands/command.ts'
import type { Command, Terminal } from './commands/command.ts'
import { compile } from './commands/compile.ts'
import { dev } from './commands/dev.ts'
import { lint } from './commands/lint.ts'
import { didYouMean } from '../crds/fault.ts'
import { takeLifetime } from '../process/lifetime.ts'
import { VERSION } from './version.ts'

const COMMANDS: Command[] = [dev, lint, compile]

function overview(): string {
  const commands = COMMANDS.map((command) => `  ${command.name.padEnd(8)} ${command.summary}`)
  return `Hooklet ${VERSION}: webhooks as Kubernetes resources.\n\nUsage: hooklet COMMAND [OPTIONS]\n\nCommands:\n${commands.join('\n')}\n\nhooklet COMMAND --help tells more.\n`
}

async function main(argv: string[], terminal: Terminal): Promise<number> {
  const [name = '--help', ...rest] = argv
  if (['--version', '-v'].includes(name)) {
    terminal.stdout.write(`${VERSION}\n`)
    return 0
  }
  const asksHelp = [name, ...rest].some((word) => HELP.has(word)) || name === 'help'
  const wanted = name === 'help' ? (rest[0] ?? '--help') : name
  if (HELP.has(wanted)) {
    terminal.stdout.write(overview())
    return 0
  }
  const command = commandOf(wanted)
  if (asksHelp) {
    terminal.stdout.write(helpOf(command))
    return 0
  }
  return command.run(parseCommandLine(command, rest), terminal)
}

const HELP = new Set(['--help', '-h'])

function commandOf(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  const names = COMMANDS.map((candidate) => candidate.name)
  throw new UsageError(`There is no command ${name}${didYouMean(name, names) || '.'}\n\n${overview()}`)
}

function parseCommandLine(
  command: Command,
  args: string[],
): ReturnType<typeof parseArgs> & {
  values: Record<string, string | boolean | undefined>
} {
  try {
    const { positionals, values } = parseArgs({
      args,
      options: parseArgsOptions(command),
      allowPositionals: true,
    })
    return { positionals, values: values as Record<string, string | boolean | undefined> }
  } catch (error) {
    // Of Node's message the sentence that says what is wrong.
    const [sentence = ''] = (error as Error).message.split('. ', 1)
    throw new UsageError(`${sentence.replace(/\.$/, '')}.\n\n${helpOf(command)}`)
  }
}

const { stop } = takeLifetime(process)
// Whoever reads the output may stop to, as `head` does: what is left to say is for nobody.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  const { stdout, stderr, env } = process
  process.exitCode = await main(process.argv.slice(2), { stdout, stderr, env, stop })
} catch (error) {
  process.stderr.write(`hooklet: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
