import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

/** A program that runs until it is told to end. */
export interface Daemon {
  /** What it said last. */
  log(): string
  hasEnded(): boolean
  /** Asks it to end, and kills it when it has not after ten seconds. */
  stop(): Promise<void>
}

const LINES = 300

export function startDaemon(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Daemon {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const output of [child.stdout, child.stderr])
    output.setEncoding('utf8').on('data', (chunk: string) => {
      lines.push(chunk)
      if (lines.length > LINES) lines.shift()
    })
  let hasEnded = false
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      lines.push(error.message)
      resolve()
    })
  })
  void exited.then(() => (hasEnded = true))
  return {
    log: () => lines.join(''),
    hasEnded: () => hasEnded,
    async stop() {
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(killer)
    },
  }
}

/** Runs a program to its end; its output. Rejects when it fails. */
export async function run(program: string, args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { maxBuffer: 64 << 20 })).stdout
}

/** As {@link run}, where it does not matter whether it fails. */
export async function tryRun(program: string, args: string[]): Promise<string> {
  return run(program, args).catch(() => '')
}
