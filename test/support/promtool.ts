/** Prometheus' own tool, for what only it can tell of metrics and rules. */
import path from 'node:path'
import { buildPrograms } from './kubernetes/build.ts'
import { cached, PROMETHEUS_VERSION, runnable } from './kubernetes/programs.ts'
import { fillFolder } from './kubernetes/provide.ts'
import { runProgram } from './program.ts'

const folderOf = (env: NodeJS.ProcessEnv): string => cached(env, `prometheus-${PROMETHEUS_VERSION}`)

/**
 * Makes sure that tests find promtool, built once for a machine, in a minute or two. False when it can't be
 * built; rejects instead when CI asks for every test.
 */
export async function providePromtool(env: NodeJS.ProcessEnv): Promise<boolean> {
  const folder = folderOf(env)
  const isThere = (): boolean => runnable(folder, 'promtool')
  if (isThere()) return true
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  say('Tests of metrics and alerts need promtool; it is built once for the machine.')
  try {
    await fillFolder(folder, isThere, (place) => buildPrograms(place, ['promtool'], { go: 'go', say }))
    return true
  } catch (error) {
    const why = `promtool can not be built: ${(error as Error).message}\nInstall Go.`
    if (env['CI']) throw new Error(why, { cause: error })
    say(`\n*** SKIPPED: the tests of metrics and alerts. ${why}\n`)
    return false
  }
}

/** Runs it to its end; `said` is what it wrote, wherever. */
export async function promtool(args: string[], input = ''): Promise<{ code: number; said: string }> {
  const program = path.join(folderOf(process.env), 'promtool')
  const { code, stdout, stderr } = await runProgram(program, args, { input })
  return { code, said: stdout + stderr }
}
