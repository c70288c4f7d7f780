import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** One round of load. Latencies in milliseconds, CPU in microseconds a call. */
export interface Round {
  perSecond: number
  p50: number
  p99: number
  cpu: number
  redisCpu: number
  /** 0 without a runner. */
  runnerCpu: number
  /** The share of its core that the server had work for. */
  busy: number
  /** Calls without an answer, and answers of another kind than expected. */
  failed: number
}

export interface Load {
  url: string
  script: string
  seconds: number
  connections: number
  /** Whether the answers are to be 2xx; else none may be. */
  accepted: boolean
  /** The server's process, for its CPU time. */
  pid: number
  redisPid: number
  runnerPid: number | undefined
  /** The core that wrk runs on. */
  core: number
}

/** Ticks of Linux's process clock; 100 a second on every platform that Node runs on. */
const TICK_US = 10_000

/** Those of the programs that are not installed. */
export function missing(programs: string[]): string[] {
  return programs.filter((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error)
}

/** Runs wrk against the URL. Rejects when its report lacks a number. */
export async function runWrk(load: Load): Promise<Round> {
  const processes = [load.pid, load.redisPid, load.runnerPid]
  const before = processes.map(cpuTicks)
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
  const [used = 0, redisUsed = 0, runnerUsed = 0] = processes.map(
    (pid, index) => (cpuTicks(pid) - (before[index] ?? 0)) * TICK_US,
  )
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  const requests = number(/(\d+) requests in/)
  const refused = number(/Non-2xx or 3xx responses: (\d+)/)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1)
  const round = {
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    // At the beginning of a line: a share of the table above may end in 50 or 99 as well.
    p50: milliseconds(/^\s+50%\s+(\S+)$/m.exec(stdout)?.[1]),
    p99: milliseconds(/^\s+99%\s+(\S+)$/m.exec(stdout)?.[1]),
    cpu: used / requests,
    redisCpu: redisUsed / requests,
    runnerCpu: runnerUsed / requests,
    busy: used / (load.seconds * 1_000_000),
    failed:
      (load.accepted ? refused : requests - refused) +
      (errors ?? []).reduce((sum, count) => sum + Number(count), 0),
  }
  if (!Object.values(round).every(Number.isFinite)) throw new Error(`wrk reported no numbers:\n${stdout}`)
  return round
}

function milliseconds(text: string | undefined): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? []
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit ?? ''] ?? NaN)
}

/** User and system time of a process, `proc(5)`. */
function cpuTicks(pid: number | undefined): number {
  if (pid === undefined) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}
