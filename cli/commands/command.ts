import type { ParseArgsConfig } from 'node:util'

/** Where a command writes and what it knows of the world outside. */
export interface Terminal {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  env: NodeJS.ProcessEnv
  /** Aborts when the process is asked to stop (Ctrl-C, SIGTERM). */
  stop: AbortSignal
}

/** One option of a command line, declared once: parsed, checked and shown in the help from here. */
export interface CommandOption {
  type: 'string' | 'boolean'
  default?: string
  /** What stands for the value in the help, such as `URL`. */
  value?: string
  help: string
}

/** A command of the `hooklet` program. */
export interface Command {
  name: string
  /** What comes after the name, for the help. */
  usage: string
  summary: string
  options: Record<string, CommandOption>
  /** Resolves to the exit code. Rejects with {@link UsageError} on wrong arguments. */
  run(args: CommandArguments, terminal: Terminal): Promise<number>
}

export interface CommandArguments {
  positionals: string[]
  values: Record<string, string | boolean | undefined>
}

/** The user called the program wrongly; the message says how it is called. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** The options as `util.parseArgs` wants them. */
export function parseArgsOptions(command: Command): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(command.options).map(([name, option]) => [
      name,
      { type: option.type, ...(option.default === undefined ? {} : { default: option.default }) },
    ]),
  )
}

/** The command's help page. */
export function helpOf(command: Command): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const flag = option.value ? `--${name} ${option.value}` : `--${name}`
    const fallback = option.default === undefined ? '' : ` (default ${option.default})`
    return `  ${flag.padEnd(22)} ${option.help}${fallback}`
  })
  return [
    `Usage: hooklet ${command.name} ${command.usage}`,
    '',
    command.summary,
    '',
    'Options:',
    ...options,
    '',
  ].join('\n')
}

/** The value of an option that may be left out. */
export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** What to do about a folder or file of manifests that can't be read; any other error as it is. */
export function explainedFolder(error: NodeJS.ErrnoException, root: string): Error {
  if (error.code === 'ENOENT') return new Error(`There is no file or folder ${root}.`)
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new Error(`${error.path ?? root} can't be read: its permissions do not allow it.`)
  return error
}
