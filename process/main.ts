import { ConfigError } from './config.ts'
import { takeLifetime } from './lifetime.ts'

/**
 * Runs a process: `body` gets the signal that asks it to stop, and its end is the process's. What it rejects
 * with is written to standard error in one piece; the exit code is 2 for a wrong configuration, else 1.
 * Rejecting with the signal's reason, while something was awaited, is no failure.
 */
export async function runProcess(
  process: NodeJS.Process,
  body: (stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const { stop } = takeLifetime(process)
  try {
    await body(stop)
  } catch (error) {
    if (stop.aborted && error === stop.reason) return
    const wrongConfig = error instanceof ConfigError
    const text = wrongConfig ? error.message : String((error as Error).stack ?? error)
    process.stderr.write(`${text}\n`)
    process.exitCode = wrongConfig ? 2 : 1
  }
}
