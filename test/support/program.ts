import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface ProgramResult {
  /** -1 when a signal ended it. */
  code: number
  stdout: string
  stderr: string
}

/** Runs a program to its end, with that as its input. */
export async function runProgram(
  program: string,
  args: string[],
  { env = process.env, input = '' }: { env?: NodeJS.ProcessEnv; input?: string | undefined } = {},
): Promise<ProgramResult> {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  // One that ends before it reads says why by its code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const exited = once(child, 'close') as Promise<[number | null]>
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { code: code ?? -1, stdout, stderr }
}
