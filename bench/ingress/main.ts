/**
 * What a call costs: the real ingress on a real Redis against the floors F0 and F1, measured in the same run
 * by turns. The server has a core of its own; wrk, Redis and the runner share the other.
 * `node bench/ingress/main.ts [--rounds 5] [--warm-up 8] [--seconds 4] [--connections 64] [--scenario NAME]…
 * [--[no-]json]`
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { formatReport, report } from './report.ts'
import type { Measured } from './report.ts'
import { BASIC, calledOf, SCENARIOS, SIGNING_SECRET, tokenOf } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'
import { missing, runWrk } from './wrk.ts'

const SERVER_CORE = 0
const OTHER_CORE = 1

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    // V8 compiles for the first seconds of load, beside the calls; a pod serves for weeks.
    'warm-up': { type: 'string', default: '8' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    // Only these and the floors. All by default.
    scenario: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
    json: { type: 'boolean', default: !process.stdout.isTTY },
  },
  allowNegative: true,
})
const unknown = values.scenario.find((name) => !(name in SCENARIOS))
if (unknown !== undefined) {
  process.stderr.write(`no scenario ${unknown}; there are ${Object.keys(SCENARIOS).join(', ')}\n`)
  process.exit(2)
}
const chosen = (Object.keys(SCENARIOS) as Scenario[]).filter((name) =>
  ['F0', 'F1', ...values.scenario].includes(name),
)
const lacking = missing(['wrk', 'taskset', 'redis-server'])
if (lacking.length > 0) {
  process.stderr.write(`the bench needs ${lacking.join(' and ')}: not installed\n`)
  process.exit(1)
}
const connections = Number(values.connections)
const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-bench-'))
const children: ChildProcess[] = []

function start(core: number, command: string, args: string[]): ChildProcess {
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // As the chart sets it, for the floors as well.
    env: { ...process.env, NODE_OPTIONS: '--max-semi-space-size=32' },
  })
  children.push(child)
  return child
}

/** The port that a server of the bench tells; 0 for one without. */
async function portOf(child: ChildProcess): Promise<number> {
  if (!child.stdout) throw new Error('no standard output')
  for await (const line of createInterface(child.stdout)) {
    const port = /^port (\d+)$/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('a server of the bench did not start')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function cleanUp(): Promise<void> {
  await Promise.all(children.map(stop))
  await rm(folder, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function wrkScript(scenario: Scenario): Promise<string> {
  const file = path.join(folder, `${scenario}.lua`)
  const body = JSON.stringify({ text: 'x'.repeat(1024 - 11) })
  // Every route gets its turn, for the step has no divisor with their number: the table is walked, and not
  // some entries of it.
  const turns = `local n = 0\nrequest = function()\n  n = (n + 61803) % ${calledOf(scenario)}\n  return wrk.format(nil, string.format("/webhooks/bench-token-%020d", n))\nend\n`
  const head = `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = '${body}'\n`
  const headers = headersOf(scenario, body).map(([name, value]) => `wrk.headers["${name}"] = "${value}"\n`)
  await writeFile(file, head + headers.join('') + (calledOf(scenario) > 1 ? turns : ''))
  return file
}

const sign = (text: string): string => createHmac('sha256', SIGNING_SECRET).update(text).digest('hex')

/** What a caller must show. */
function headersOf(scenario: Scenario, body: string): [name: string, value: string][] {
  if (scenario === 'basic') return [['Authorization', `Basic ${Buffer.from(BASIC).toString('base64')}`]]
  if (scenario === 'hmac') return [['X-Hub-Signature-256', `sha256=${sign(body)}`]]
  if (scenario !== 'hmac-time') return []
  const time = String(Math.floor(Date.now() / 1000))
  return [
    ['X-Slack-Request-Timestamp', time],
    ['X-Slack-Signature', `v0=${sign(`v0:${time}:${body}`)}`],
  ]
}

interface Store {
  url: string
  pid: number
}

interface Seconds {
  warmUp: number
  measured: number
}

async function measure(scenario: Scenario, store: Store, seconds: Seconds): Promise<Measured> {
  const floor = /^F\d/.exec(scenario)?.[0].toLowerCase()
  const server = start(SERVER_CORE, process.execPath, [
    path.join(import.meta.dirname, `${floor ?? 'hooklet'}.ts`),
    store.url,
    scenario,
  ])
  const runner =
    scenario === 'reply'
      ? start(OTHER_CORE, process.execPath, [path.join(import.meta.dirname, 'runner.ts'), store.url])
      : undefined
  try {
    const port = await portOf(server)
    if (runner) await portOf(runner)
    const load = {
      url: `http://127.0.0.1:${port}/webhooks/${tokenOf(0)}`,
      script: await wrkScript(scenario),
      accepted: scenario !== 'throttled',
      // taskset becomes the server: the process keeps its id.
      pid: server.pid ?? 0,
      redisPid: store.pid,
      runnerPid: runner?.pid,
      core: OTHER_CORE,
    }
    await runWrk({ ...load, connections, seconds: seconds.warmUp })
    const round = await runWrk({ ...load, connections, seconds: seconds.measured })
    const { p50: alone } = await runWrk({ ...load, connections: 1, seconds: 1 })
    return { ...round, alone }
  } finally {
    await stop(server)
    if (runner) await stop(runner)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)))
try {
  const port = await freePort()
  const address = ['--port', String(port), '--bind', '127.0.0.1']
  const quiet = ['--save', '', '--dir', folder, '--loglevel', 'warning']
  const { pid = 0 } = start(OTHER_CORE, 'redis-server', [...address, ...quiet])
  const store = { url: `redis://127.0.0.1:${port}`, pid }
  const redis = new Redis(store.url, { maxRetriesPerRequest: null })
  // It may not listen yet; the first command waits until it does.
  redis.on('error', () => {})
  const seconds = { warmUp: Number(values['warm-up']), measured: Number(values.seconds) }
  const rounds: Record<string, Measured[]> = {}
  for (let round = 1; round <= Number(values.rounds); round++)
    for (const scenario of chosen) {
      process.stderr.write(`round ${round} of ${values.rounds}: ${scenario}\n`)
      await redis.flushall()
      rounds[scenario] = [...(rounds[scenario] ?? []), await measure(scenario, store, seconds)]
    }
  redis.disconnect()
  const rows = report(rounds)
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : formatReport(rows))
} finally {
  await cleanUp()
}
