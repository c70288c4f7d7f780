/** Sends whatever may be sent to a server that must stand it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { answers } from '../../ingress/answers.ts'
import { connections } from './requests.ts'
import type { Portions } from './requests.ts'
import { routes } from './routes.ts'

export interface FuzzReport {
  seed: number
  cases: number
  /** How many answers there were of each status. */
  statuses: Record<string, number>
  /** Resident memory of the server, in MiB: after the first tenth, and at the end. */
  memory: [early: number, late: number]
}

/** How many connections are open at once. */
const BATCH = 200
/** For a connection whose caller has closed its side: far more than the server's timeouts. */
const PATIENCE_MS = 20_000

/** By how much the server's memory may grow after the first tenth of the cases, in MiB. */
const MOST_GROWTH = 256

/** Of those in the table all but the one for a fault of ours, and those that are no end of an exchange. */
const allowed = new Set([
  '100',
  '101',
  ...Object.entries(answers).flatMap(([code, { status }]) => (code === 'Internal' ? [] : [String(status)])),
  // Of a verification, in place of the table's.
  '405',
])

/**
 * Runs at least that many cases. Rejects when an answer is not of the table, when a connection is never
 * closed, when a good call is not answered after a batch, when something failed inside, when the process
 * dies, and when its memory grows without end: with the seed, and with the connection that does it alone.
 */
export async function fuzz({ cases, seed }: { cases: number; seed: number }): Promise<FuzzReport> {
  const server = await startServer()
  const statuses: Record<string, number> = {}
  const memory: number[] = []
  const runs = Math.ceil(cases / BATCH)
  let done = 0
  let failing: Portions[] = []
  const property = fc.asyncProperty(
    fc.array(connections, { minLength: BATCH, maxLength: BATCH }),
    async (batch) => {
      failing = batch
      for (const status of await server.stand(batch)) statuses[status] = (statuses[status] ?? 0) + 1
      if (++done === Math.ceil(runs / 10) || done === runs) memory.push(await memoryOf(server.pid))
    },
  )
  try {
    // What breaks a server can't be made smaller on the same one.
    const { failed, errorInstance } = await fc.check(property, { numRuns: runs, seed, endOnFailure: true })
    if (failed) throw new Error(`seed ${seed}: ${await culpritOf(failing)}`, { cause: errorInstance })
    const [early = NaN, late = early] = memory
    if (late - early > MOST_GROWTH) throw new Error(`seed ${seed}: memory grew from ${early} to ${late} MiB`)
    return { seed, cases: runs * BATCH, statuses, memory: [early, late] }
  } finally {
    await server.kill()
  }
}

/** The connection that a fresh server does not stand, and why. */
async function culpritOf(batch: Portions[]): Promise<string> {
  for (const portions of batch) {
    const server = await startServer()
    try {
      await server.stand([portions])
    } catch (error) {
      return `${String(error)} after ${JSON.stringify(portions)}`
    } finally {
      await server.kill()
    }
  }
  return 'the connections do it only together'
}

interface FuzzedServer {
  pid: number
  /**
   * Opens these connections at once, then makes a good call; resolves to the statuses of their answers.
   * Rejects with what went wrong.
   */
  stand(batch: Portions[]): Promise<string[]>
  kill(): Promise<void>
}

async function startServer(): Promise<FuzzedServer> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'server.ts')], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const port = await portOf(child.stdout)

  return {
    pid: child.pid ?? 0,
    async stand(batch) {
      try {
        const received = await Promise.all(batch.map((portions) => exchange(port, portions)))
        const statuses = received.flatMap(statusesIn)
        const other = statuses.find((status) => !allowed.has(status))
        if (other !== undefined) throw new Error(`an answer with status ${other}`)
        await callWell(port)
        if (said !== '') throw new Error('a fault in the server')
        return statuses
      } catch (error) {
        throw new Error(`${String(error)}\n${said}`, { cause: error })
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function portOf(stdout: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface(stdout)) {
    const port = /^port (\d+)$/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('the server to fuzz did not start')
}

/** Everything that comes back until the server closes; our side is closed after the last portion. */
function exchange(port: number, portions: Portions): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setNoDelay()
    const patience = setTimeout(() => {
      socket.destroy()
      reject(new Error('the server never closed the connection'))
    }, PATIENCE_MS)
    let received = ''
    socket.setEncoding('latin1').on('data', (text: string) => (received += text))
    // A reset is an end like any other.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(patience)
      resolve(received)
    })
    const write = (nth: number): void => {
      const portion = portions[nth]
      if (portion === undefined) socket.end()
      else socket.write(Buffer.from(portion, 'latin1'), () => setImmediate(write, nth + 1))
    }
    socket.on('connect', () => write(0))
  })
}

/** What comes must begin as an answer. */
function statusesIn(received: string): string[] {
  if (received !== '' && !/^HTTP\/1\.1 \d{3} /.test(received))
    throw new Error(`no answer: ${JSON.stringify(received.slice(0, 200))}`)
  return received.match(/(?<=HTTP\/1\.1 )\d{3}(?= )/g) ?? []
}

const good = `/webhooks/${routes(() => '0'.repeat(64))[0]?.token}`

async function callWell(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${good}`, {
    method: 'POST',
    body: '{"a":1}',
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`a good call got ${answer.status}`)
}

/** Resident memory in MiB; NaN where the system does not tell. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) / 1024
}
