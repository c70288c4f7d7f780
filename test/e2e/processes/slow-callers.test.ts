/**
 * Callers that send a byte now and then, to hold connections until there are none left for others (slow
 * loris).
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { DEFAULT_LIMITS } from '../../../ingress/http/limits.ts'
import { hook, startFleet, WIDE } from './fleet.ts'
import type { Fleet } from './fleet.ts'

jest.setTimeout(120_000)

const CALLERS = 5_000
const BODIES = 1_500
/** Sockets of Redis, the log, modules and so on. */
const OTHER_FILES = 200
const GOOD_CALLS = 300
/** What a held connection may cost the process: buffers of socket and parser, and the objects of Node. */
const MOST_BYTES_EACH = 64 * 1024

let fleet: Fleet
const slow: Socket[] = []

beforeAll(async () => {
  const limit = openFilesLimit()
  if (limit < CALLERS + OTHER_FILES)
    throw new Error(`the test needs ${CALLERS + OTHER_FILES} open files, but ulimit -n says ${limit}`)
  fleet = await startFleet({
    ingress: 1,
    runners: 0,
    manifests: hook('orders', { limits: WIDE }, [{ nothing: { set: { a: 1 } } }]),
  })
})
afterAll(async () => {
  for (const socket of slow) socket.destroy()
  await fleet?.close()
})

test(`${CALLERS} of them hold nobody up, cost a bounded memory, and are cut off`, async () => {
  const [ingress] = fleet.ingress
  if (ingress === undefined) throw new Error('there is no ingress')
  await callWell(100)
  const before = await memoryOf(ingress.pid)

  const { port } = new URL(ingress.url)
  const head = `POST ${fleet.pathOf('orders')} HTTP/1.1\r\nHost: x\r\n`
  // Half of them never end their headers, the others never their body.
  const beginnings = [`${head}A: `, `${head}Content-Length: 100000\r\n\r\n`]
  const answers = new Map<Socket, string>()
  while (slow.length < CALLERS) {
    // No more at once than the kernel keeps waiting for a server to accept them.
    const some = Array.from({ length: 250 }, () => connect(Number(port), '127.0.0.1'))
    for (const socket of some) {
      socket.on('error', () => {}).on('data', (data) => answers.set(socket, data.toString()))
      slow.push(socket)
    }
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    for (const [index, socket] of some.entries()) socket.write(beginnings[index % 2] ?? '')
  }
  const dribble = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('x')
  }, 2_000)
  try {
    const times = await callWell(GOOD_CALLS)
    const each = ((await memoryOf(ingress.pid)) - before) / CALLERS
    note(
      `${CALLERS} slow callers: p50 ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms of ${GOOD_CALLS} good calls`,
    )
    note(`${(each / 1024).toFixed(1)} KiB of memory for each slow caller`)
    expect(each).toBeLessThan(MOST_BYTES_EACH)

    // The timeout of the headers is 15 s, looked at every 5 s; that of a body is 60 s.
    const inHeaders = slow.filter((_, index) => index % 2 === 0)
    await Promise.all(inHeaders.filter(({ closed }) => !closed).map((socket) => once(socket, 'close')))
    expect(new Set(inHeaders.map((socket) => answers.get(socket)?.slice(0, 12)))).toEqual(
      new Set(['HTTP/1.1 408']),
    )
    expect(slow.filter((socket) => !socket.closed)).toHaveLength(CALLERS / 2)
    await callWell(100)
    expect(ingress.alive()).toBe(true)
  } finally {
    clearInterval(dribble)
  }
})

test(`${BODIES} that stop just before the end of their bodies are let go when they take too much memory`, async () => {
  const [ingress] = fleet.ingress
  if (ingress === undefined) throw new Error('there is no ingress')
  await callWell(100)
  const before = await memoryOf(ingress.pid)
  const { port } = new URL(ingress.url)
  const head = `POST ${fleet.pathOf('orders')} HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n`
  const nearlyAll = Buffer.alloc(240 * 1024, 'x')
  const answers: string[] = []
  for (let nth = 0; nth < BODIES; nth += 1) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => {}).on('data', (data) => answers.push(data.toString().slice(0, 12)))
    slow.push(socket)
    await once(socket, 'connect')
    socket.write(head)
    await new Promise((resolve) => socket.write(nearlyAll, resolve))
  }
  const grown = (await memoryOf(ingress.pid)) - before
  note(`${BODIES} nearly complete bodies: ${(grown / 2 ** 20).toFixed(0)} MiB of memory`)
  // What is held, the buffers that grew on the way to it, and what of them is not collected yet.
  expect(grown).toBeLessThan(2.5 * DEFAULT_LIMITS.heldBytes)
  expect(answers.length).toBeGreaterThan(BODIES / 4)
  expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 503']))
  await callWell(100)
  expect(ingress.alive()).toBe(true)
})

/**
 * Calls one after the other that all succeed, and soon; resolves to how long each took, in milliseconds, in
 * order.
 */
async function callWell(count: number): Promise<number[]> {
  const url = `${fleet.ingress[0]?.url}${fleet.pathOf('orders')}`
  const times: number[] = []
  for (let nth = 0; nth < count; nth++) {
    const start = performance.now()
    const answer = await fetch(url, { method: 'POST', body: '{}', signal: AbortSignal.timeout(10_000) })
    await answer.arrayBuffer()
    times.push(performance.now() - start)
    expect(answer.status).toBe(200)
  }
  return times.toSorted((a, b) => a - b)
}

const at = (sorted: number[], quantile: number): string =>
  (sorted[Math.floor(sorted.length * quantile)] ?? NaN).toFixed(1)

const note = (line: string): void => void process.stderr.write(`${line}\n`)

/** Resident memory in bytes. */
async function memoryOf(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout) * 1024
}

/** How many files a process may have open; those that this one starts have the same limit. */
function openFilesLimit(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits?: { open_files?: { soft: number | 'unlimited' } }
  }
  const soft = userLimits?.open_files?.soft ?? 'unlimited'
  return soft === 'unlimited' ? Infinity : soft
}
