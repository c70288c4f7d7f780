/** The commands of the documentation, run as somebody does who pastes them into a terminal. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { startDaemon } from '../../support/node/daemon.ts'
import { until } from '../../support/until.ts'
import type { Daemon } from '../../support/node/daemon.ts'

const root = path.join(import.meta.dirname, '../../..')

/** The blocks of a language under a heading of a page, in their order. @throws when there is none. */
export async function readBlocks(page: string, heading: string, language = 'sh'): Promise<string[]> {
  const text = await readFile(path.join(root, page), 'utf8')
  const level = /^#+/.exec(heading)?.[0] ?? ''
  const [, section] = text.split(`\n${heading}\n`)
  // It ends where one of the same level, or a higher one, begins; a comment in a block is no heading.
  const own = section?.split(new RegExp(`^#{1,${level.length}} [A-Z]`, 'm'))[0] ?? ''
  const blocks = [...own.matchAll(new RegExp(`^ *\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, block = '']) => unindented(block),
  )
  if (blocks.length === 0) throw new Error(`${page} has no ${language} under ${heading}`)
  return blocks
}

/** A block in an item of a list is indented with it. */
function unindented(block: string): string {
  const [indent] = /^ */.exec(block) ?? ['']
  return block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
}

export interface Reader {
  /** Runs commands; what they print. Rejects with what they said when one fails. */
  paste(commands: string | undefined): Promise<string>
  /** Runs what holds its terminal, until the port of the machine that it opens takes connections. */
  leaveOpen(command: string | undefined, port: number): Promise<Daemon>
}

export interface ReaderOptions {
  /** Where the commands are run. */
  folder: string
  env: Record<string, string>
  /** What the machine can't do as it is written: from what is on the page to what is run. */
  instead: Record<string, string>
  /** What may tell why commands have failed. */
  explain(): Promise<string>
}

export function createReader({ folder, env, instead, explain }: ReaderOptions): Reader {
  const here = (commands: string): string =>
    Object.entries(instead).reduce((text, [written, run]) => text.replaceAll(written, run), commands)
  return {
    async paste(commands = '') {
      const script = ['-e', '-u', '-o', 'pipefail', '-c', here(commands)]
      const { stdout } = await promisify(execFile)('bash', script, {
        cwd: folder,
        env: { ...process.env, ...env },
        maxBuffer: 64 << 20,
      }).catch(async (error: { stdout: string; stderr: string }) => {
        throw new Error([commands, error.stdout, error.stderr, await explain()].join('\n'))
      })
      return stdout
    },
    async leaveOpen(command = '', port) {
      const daemon = startDaemon('bash', ['-c', `cd ${folder} && exec ${here(command)}`], env)
      await until(() => daemon.hasEnded() || takesConnections(port), {
        withinMs: 20_000,
        why: () => `nothing listens on port ${port}: ${daemon.log()}`,
      })
      if (daemon.hasEnded()) throw new Error(`${command}\n${daemon.log()}`)
      return daemon
    },
  }
}

async function takesConnections(port: number): Promise<boolean> {
  return fetch(`http://localhost:${port}/`).then(
    () => true,
    () => false,
  )
}
