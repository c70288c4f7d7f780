import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** One round of load. Latencies in milliseconds, CPU of the server in microseconds a call. */
export interface Round {
  perSecond: number
  p50: number
  p99: number
  cpu: number
  /** Answers that were not 2xx. */
  refused: number
}

export interface Load {
  url: string
  script: string
  seconds: number
  connections: number
  /** The server's process, for its CPU time. */
  pid: number
  /** The core that wrk runs on. */
  core: number
}

/** Ticks of Linux's process clock; 100 a second on every platform that Node runs on. */
const TICK_US = 10_000

/** Runs wrk against the URL. Rejects when wrk is missing. */
export async function runWrk(load: Load): Promise<Round> {
  const before = cpuTicks(load.pid)
  const args = [
    '-c',
    String(load.core),
    'wrk',
    '-t1',
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    '--latency',
  ]
  const { stdout } = await promisify(execFile)('taskset', [...args, '-s', load.script, load.url])
  const used = (cpuTicks(load.pid) - before) * TICK_US
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50: milliseconds(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1]),
    cpu: used / requests,
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0),
  }
}

function milliseconds(text: string | undefined): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? []
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit ?? ''] ?? NaN)
}

/** User and system time of a process, `proc(5)`. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}
