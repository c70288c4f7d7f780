/**
 * What WebSockets cost: one ingress process and one runner on a real Redis, all of them the processes of
 * production. Opens connections, notes the memory that each takes, and then sends messages that a workflow
 * echoes. `node bench/websocket/main.ts [--connections 10000] [--seconds 10]`; needs Linux, redis-server, and
 * `ulimit -n` above the number of connections.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { hook, startFleet } from '../../test/e2e/processes/fleet.ts'
import { openSocket } from '../../test/support/socket-client.ts'
import type { SocketClient } from '../../test/support/socket-client.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
  },
})
const wanted = Number(values.connections)
const durationMs = Number(values.seconds) * 1000

/** How many connections are opened at a time. */
const OPENING = 100
/** How many clients wait for an echo at a time. */
const TALKING = [1, 64]

const spec = { type: 'WebSocket', limits: { rate: { requests: 10_000, window: '1s' }, connections: 10_000 } }
/** Answers everything with a fixed text: no expression is evaluated. */
const fixed = hook('fixed', spec, [{ answer: { call: 'reply', with: { body: 'fixed' } } }])
const echo = hook('echo', spec, [
  { echo: { if: '${ .type == "message" }', call: 'reply', with: { body: '${ .message.data }' } } },
])

const fleet = await startFleet({
  manifests: [...echo, ...fixed],
  ingress: 1,
  runners: 1,
  // The default, where the tests of kills have less patience.
  env: { HOOKLET_LAPSE_SECONDS: '15' },
})
try {
  const [ingress] = fleet.ingress
  if (!ingress) throw new Error('there is no ingress')
  const url = ingress.url + fleet.pathOf('echo')
  // What the first call brings into memory is not a connection's.
  const warm = await openSocket(url)
  await ask(warm, 'warm')
  const before = { ingress: await residentBytes(ingress.pid), redis: await redisBytes() }
  const started = performance.now()
  const clients = await openAll(url, wanted)
  const opened = performance.now() - started
  // Their connect events are run, and what was garbage is collected.
  await ask(warm, 'settled')
  await sleep(5_000)
  const after = { ingress: await residentBytes(ingress.pid), redis: await redisBytes() }
  const perConnection = (bytes: number): string => `${(bytes / wanted / 1024).toFixed(1)} KB`

  const lines = [
    `connections open          ${clients.length}`,
    `opened per second         ${Math.round((clients.length * 1000) / opened)}`,
    `ingress, each connection  ${perConnection(after.ingress - before.ingress)} (resident, garbage included)`,
    `Redis, each connection    ${perConnection(after.redis - before.redis)}`,
  ]
  const others = await Promise.all(
    Array.from({ length: Math.max(...TALKING) }, () => openSocket(ingress.url + fleet.pathOf('fixed'))),
  )
  // The answer to the connect.
  for (const other of others) await other.next()
  for (const talking of TALKING) {
    lines.push(result(`fixed text, ${talking} at a time`, await talk(others.slice(0, talking), 'fixed')))
    lines.push(result(`echo, ${talking} at a time`, await talk(clients.slice(0, talking))))
  }
  process.stdout.write(`${lines.join('\n')}\n`)
  for (const { ws } of clients) ws.terminate()
} finally {
  await fleet.close()
}

async function openAll(url: string, count: number): Promise<SocketClient[]> {
  const clients: SocketClient[] = []
  const opener = async (): Promise<void> => {
    // One place is taken already.
    while (clients.length + OPENING < count) clients.push(await openSocket(url))
  }
  await Promise.all(Array.from({ length: OPENING }, opener))
  while (clients.length < count - 1) clients.push(await openSocket(url))
  return clients
}

async function ask(client: SocketClient, text: string, answer = text): Promise<void> {
  client.send(text)
  const heard = await client.next()
  if (heard !== answer) throw new Error(`the echo of ${text} is ${String(heard)}`)
}

/** Every client sends a message, waits for its echo, and goes on; the round trips in milliseconds, sorted. */
async function talk(clients: SocketClient[], answer?: string): Promise<number[]> {
  const times: number[] = []
  const until = performance.now() + durationMs
  await Promise.all(
    clients.map(async (client, nth) => {
      for (let n = 0; performance.now() < until; n += 1) {
        const sent = performance.now()
        await ask(client, `${nth}/${n}`, answer)
        times.push(performance.now() - sent)
      }
    }),
  )
  return times.toSorted((a, b) => a - b)
}

function result(name: string, times: number[]): string {
  const perSecond = Math.round((times.length * 1000) / durationMs)
  return `${name.padEnd(26)}p50 ${at(times, 0.5)} ms  p99 ${at(times, 0.99)} ms  ${perSecond} a second`
}

function at(times: number[], share: number): string {
  return (times[Math.floor(times.length * share)] ?? NaN).toFixed(1)
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

async function redisBytes(): Promise<number> {
  const { stdout } = await promisify(execFile)('redis-cli', [
    '-p',
    String(fleet.redis.port),
    'info',
    'memory',
  ])
  return Number(/used_memory:(\d+)/.exec(stdout)?.[1])
}
