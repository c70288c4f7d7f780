/** A process of an installation, started as it runs in production. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'

const root = path.join(import.meta.dirname, '../..')

export interface Member {
  pid: number
  /** `http://HOST:PORT`, by default on loopback; of all but an ingress, its probes. */
  url: string
  /** Where its probes are answered. */
  probes: string
  /** Resolves to its exit code when it has ended; null after a signal. */
  exited: Promise<number | null>
  /** Kills it as a crash would. */
  kill(): Promise<void>
  /** Asks it to stop; resolves to its exit code. */
  stop(): Promise<number | null>
  alive(): boolean
  /** Everything it logged, for when a test fails. */
  log(): string
  /** Resolves when it has logged the message, so often. */
  logged(message: string, times?: number): Promise<void>
}

/** A process that may not be ready yet. */
export type Launched = Omit<Member, 'url' | 'probes'> & { ready: Promise<Member> }

/** What each logs when it is ready, and the field that has its port. */
const READY = {
  ingress: { message: 'Ingress listens', port: 'port' },
  runner: { message: 'Runner reads', port: 'healthPort' },
  operator: { message: 'Operator follows', port: 'healthPort' },
} as const

export type MemberRole = keyof typeof READY

export function startMember(role: MemberRole, env: NodeJS.ProcessEnv): Promise<Member> {
  return launchMember(role, env).ready
}

/** How processes are started: of this source, unless it is told otherwise. */
export type Start = (role: MemberRole, env: NodeJS.ProcessEnv) => ChildProcess

const startHere: Start = (role, env) =>
  spawn(process.execPath, [`${role}/main.ts`], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })

/** Starts it without waiting until it is ready. */
export function launchMember(role: MemberRole, env: NodeJS.ProcessEnv, start = startHere): Launched {
  const host = env['HOOKLET_HOST'] || '127.0.0.1'
  const child = start(role, {
    HOOKLET_HOST: host,
    HOOKLET_PORT: '0',
    HOOKLET_HEALTH_PORT: '0',
    HOOKLET_LAPSE_SECONDS: '2',
    HOOKLET_DRAIN_SECONDS: '20',
    HOOKLET_ACCEPT_SECONDS: '1',
    ...env,
  })
  const { stderr } = child
  if (stderr === null) throw new Error(`${role} has no log`)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const lines: string[] = []
  const messages = new Map<string, number>()
  const waiting = new Set<() => void>()
  const ready = Promise.withResolvers<Member>()
  // Who waits for something else need not hear of its rejection.
  ready.promise.catch(() => undefined)
  void exited.then(() => ready.reject(new Error(`${role} did not start:\n${lines.join('\n')}`)))

  const alive = (): boolean => child.exitCode === null && child.signalCode === null
  const launched = {
    pid: child.pid ?? 0,
    exited: exited.then(([code]) => code),
    alive,
    log: () => lines.join('\n'),
    logged: (message: string, times = 1) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if ((messages.get(message) ?? 0) < times) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async kill() {
      if (alive()) child.kill('SIGKILL')
      await exited
    },
    async stop() {
      child.kill('SIGTERM')
      return (await exited)[0]
    },
  }
  createInterface(stderr).on('line', (line) => {
    lines.push(line)
    const fields = parsed(line)
    const message = String(fields['msg'])
    messages.set(message, (messages.get(message) ?? 0) + 1)
    const { message: wanted, port } = READY[role]
    const urlOf = (name: string): string => `http://${host}:${Number(fields[name])}`
    if (message === wanted) ready.resolve({ ...launched, url: urlOf(port), probes: urlOf('healthPort') })
    for (const look of waiting) look()
  })
  return { ...launched, ready: ready.promise }
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return {}
  }
}
