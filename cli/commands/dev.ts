import os from 'node:os'
import path from 'node:path'
import { startDev } from '../dev/server.ts'
import type { DevReport } from '../dev/server.ts'
import { formatTable, readSamples } from '../dev/table.ts'
import type { Row } from '../dev/table.ts'
import { parseOriginMap } from '../../ingress/verify/outbound/origins.ts'
import type { OriginMap } from '../../ingress/verify/outbound/origins.ts'
import { parseNetworks } from '../../process/config.ts'
import { aborted } from '../../process/lifetime.ts'
import { createLog } from '../../process/log.ts'
import { formatFault } from '../manifests/document.ts'
import { explainedFolder, optionalText, UsageError } from './command.ts'
import type { Command, Terminal } from './command.ts'

/** How long Ctrl-C waits for calls and runs in flight. */
const DRAIN_MS = 10_000
const EXAMPLES = path.join(import.meta.dirname, '../../examples')

export const dev: Command = {
  name: 'dev',
  usage: '[DIR] [OPTIONS]',
  summary: 'Serves the manifests of a folder on this machine and follows every edit of them.',
  options: {
    port: { type: 'string', default: '8080', value: 'PORT', help: 'Port to listen on; 0 takes a free one' },
    host: { type: 'string', default: '127.0.0.1', value: 'ADDRESS', help: 'Address to listen on' },
    'base-url': {
      type: 'string',
      value: 'URL',
      help: 'What callers see in front of /webhooks/, for a tunnel or proxy',
    },
    'trusted-proxies': {
      type: 'string',
      value: 'CIDRS',
      help: 'Proxies whose X-Forwarded-For counts, separated by commas, for a tunnel or proxy',
    },
    'shared-globals': {
      type: 'string',
      value: 'NAMESPACE',
      help: 'Its globals apply to all namespaces, as those of the operator with HOOKLET_SHARED_GLOBALS',
    },
    redis: {
      type: 'string',
      value: 'URL',
      help: 'Redis to keep the state in (default: in memory, forgotten on exit)',
    },
    'state-dir': {
      type: 'string',
      value: 'DIR',
      help: 'Where URL tokens are kept over restarts (default: in your state folder)',
    },
    'log-level': { type: 'string', default: 'info', value: 'LEVEL', help: 'debug, info, warn or error' },
  },

  async run({ positionals, values }, terminal) {
    if (positionals.length > 1) throw new UsageError('hooklet dev takes one folder.')
    const root = positionals[0] ?? EXAMPLES
    const log = createLog({ level: levelOf(values['log-level']), stream: terminal.stderr })
    const stateNote = values['redis'] === undefined ? 'state in memory: forgotten on exit' : 'state in Redis'
    const screen = createScreen(root, terminal, stateNote)
    const server = await startDev({
      root,
      host: String(values['host']),
      port: portOf(values['port']),
      ...(values['base-url'] === undefined ? {} : { baseUrl: urlOf(values['base-url']) }),
      trustedProxies: networksOf(values['trusted-proxies'] ?? ''),
      sharedGlobals: optionalText(values['shared-globals']),
      ...(values['redis'] === undefined ? {} : { redis: String(values['redis']) }),
      ...certOriginsOf(terminal.env['HOOKLET_CERT_ORIGINS']),
      stateDir: String(values['state-dir'] ?? defaultStateDir(terminal.env)),
      log,
      onChange: (report) => screen.show(report),
    }).catch((error: NodeJS.ErrnoException) => {
      throw explained(error, root, { host: String(values['host']), port: String(values['port']) })
    })
    await screen.ready()
    await aborted(terminal.stop)
    log.info({}, 'Stopping: calls and runs in flight end first; Ctrl-C again stops at once')
    await server.stop({ deadlineMs: DRAIN_MS })
    return 0
  },
}

/** Where to listen, as it was written. */
interface Address {
  host: string
  port: string
}

function certOriginsOf(text: string | undefined): { certOrigins?: OriginMap } {
  if (text === undefined || text === '') return {}
  try {
    return { certOrigins: parseOriginMap(text) }
  } catch (error) {
    throw new UsageError(`HOOKLET_CERT_ORIGINS ${(error as Error).message}.`)
  }
}

/** Writes what is served to standard output: all of it at first, then what changed. */
function createScreen(
  root: string,
  terminal: Terminal,
  stateNote: string,
): { show(report: DevReport): void; ready(): Promise<void> } {
  let shown: Map<string, string> | undefined
  let shownFaults = ''
  let writing = Promise.resolve()

  const write = async ({ baseUrl, rows, faults }: DevReport): Promise<void> => {
    const context = { samples: await readSamples(root), baseUrl, now: Date.now() }
    const now = new Map(rows.map((row) => [rowKey(row), JSON.stringify(row)]))
    const lines: string[] = []
    if (!shown) {
      lines.push(`Hooklet serves ${relative(root)} on ${baseUrl} (${stateNote})`, '')
      lines.push(rows.length > 0 ? formatTable(rows, context) : '  No webhooks yet.', '')
    } else {
      const fresh = rows.filter((row) => shown?.get(rowKey(row)) !== JSON.stringify(row))
      const gone = [...shown.keys()].filter((key) => !now.has(key))
      lines.push(...gone.map((key) => `  ${key} is gone`))
      if (fresh.length > 0) lines.push(formatTable(fresh, context))
      if (gone.length + fresh.length === 0 && faults.length === 0)
        lines.push('  The change is taken; no URL changed.')
    }
    const faultText = faults.map((fault) => formatFault(fault, relative)).join('\n')
    if (faultText !== '' && faultText !== shownFaults)
      lines.push(
        shown
          ? '  Not taken; what is not mended is served as it was before, or refused:'
          : '  Not served until it is mended:',
        faultText,
      )
    shown = now
    shownFaults = faultText
    terminal.stdout.write(`${lines.join('\n')}\n`)
  }

  return {
    show(report) {
      writing = writing.then(() => write(report))
    },
    ready: () => writing,
  }
}

function rowKey(row: Row): string {
  return `${row.namespace}/${row.name}`
}

/** A path as short as people would type it from here. */
function relative(file: string): string {
  const short = path.relative(process.cwd(), file)
  return short.startsWith('..') ? file : short || '.'
}

function portOf(value: unknown): number {
  const port = Number(value)
  if (!/^\d{1,5}$/.test(String(value)) || port > 65_535)
    throw new UsageError(`--port ${String(value)}: a port is a number from 0 to 65535.`)
  return port
}

function urlOf(value: unknown): string {
  const url = URL.parse(String(value))
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new UsageError(`--base-url ${String(value)}: give an http or https URL without query.`)
  return url.href
}

function networksOf(value: unknown): string[] {
  try {
    return parseNetworks(String(value))
  } catch (error) {
    throw new UsageError(`--trusted-proxies ${String(value)}: ${(error as Error).message}.`)
  }
}

function levelOf(value: unknown): string {
  const levels = ['debug', 'info', 'warn', 'error']
  if (!levels.includes(String(value)))
    throw new UsageError(`--log-level ${String(value)}: one of ${levels.join(', ')}.`)
  return String(value)
}

/** The XDG base directory for state that should outlive a restart. */
function defaultStateDir(env: NodeJS.ProcessEnv): string {
  return path.join(env['XDG_STATE_HOME'] ?? path.join(os.homedir(), '.local/state'), 'hooklet')
}

/** What to do about an error of the system, in place of its code. */
function explained(error: NodeJS.ErrnoException, root: string, { host, port }: Address): Error {
  const { code, syscall } = error
  if (code === 'EADDRINUSE')
    return new Error(`Port ${port} is taken: choose another with --port, or 0 for a free one.`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Error(`${host} is no address of this machine: give one with --host, or 0.0.0.0 for all.`)
  if (code === 'EACCES' && syscall === 'listen')
    return new Error(`Port ${port} is not allowed for you: choose one above 1023 with --port.`)
  return explainedFolder(error, root)
}
