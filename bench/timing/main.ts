/**
 * Whether the time of a refusal tells what was wrong with the call: refusals that read the same, each
 * measured many times in random order over one connection, and compared with the first of their kind.
 * `node bench/timing/main.ts [--calls 4000]`; exit code 1 when one of them can be told apart.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { BEARER, HOOKS, PASSWORD, USER } from './hooks.ts'
import { median, probabilityLarger, standardError } from './statistics.ts'

/** By how much the odds of guessing right from one measurement may differ from a coin's. */
const BOUND = 0.05
const WARM_UP = 1_000

const { values } = parseArgs({ options: { calls: { type: 'string', default: '4000' } } })
const calls = Number(values.calls)

const lastChanged = (text: string): string => `${text.slice(0, -1)}${text.endsWith('x') ? 'y' : 'x'}`
const { guarded, exact, suspended } = HOOKS

/** Whoever asks knows which scheme it was, so that only what is wrong within one must not show. */
type Kind = '404' | '401 Basic' | '401 Bearer'

interface Case {
  kind: Kind
  what: string
  request: string
}

function request(kind: Kind, what: string, target: string, ...headers: string[]): Case {
  // Of one length, so that reading it takes as long.
  const head = [`POST ${target} HTTP/1.1`, 'Host: localhost', ...headers]
  const length = head.join('\r\n').length
  const text = [...head, `X-Pad: ${'x'.repeat(Math.max(1, 300 - length))}`, 'Content-Length: 2', '', '{}']
  return { kind, what, request: text.join('\r\n') }
}

const withBasic = (what: string, user: string, password: string): Case => {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  return request('401 Basic', what, `/webhooks/${guarded.token}`, `Authorization: Basic ${credentials}`)
}
const withBearer = (what: string, token: string): Case =>
  request('401 Bearer', what, `/webhooks/${guarded.token}`, `Authorization: Bearer ${token}`)

const CASES: Case[] = [
  request('404', 'no such token', '/webhooks/unknown-token-2Bx5jH8fRT1kO9pU'),
  request('404', 'a token but for its last character', `/webhooks/${lastChanged(guarded.token)}`),
  request('404', 'a longer path of an Exact webhook', `/webhooks/${exact.token}/more`),
  request('404', 'a longer path of /v1/flow-webhook', `/v1/flow-webhook/${guarded.token}/more`),
  request('404', 'a suspended WebSocket', `/webhooks/${suspended.token}`),
  withBasic('no such user', 'bob', lastChanged(PASSWORD)),
  withBasic('the user, a wrong password', USER, 'x'.repeat(PASSWORD.length)),
  withBasic('a password but for its last character', USER, lastChanged(PASSWORD)),
  withBasic('another user, the right password', 'bob', PASSWORD),
  withBearer('no such token', 'x'.repeat(BEARER.length)),
  withBearer('a token but for its last character', lastChanged(BEARER)),
  withBearer('the password for a token', PASSWORD.replaceAll(' ', '-').padEnd(BEARER.length, '-')),
]

const server = spawn(process.execPath, [path.join(import.meta.dirname, 'server.ts')], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const samples = await measure(await portOf())
  let told = 0
  line('answer', 'what is wrong', 'median us', 'differs', 'P(slower)')
  for (const [kind, cases] of Object.entries(Object.groupBy(CASES, ({ kind }) => kind))) {
    const reference = samples.get(cases[0] as Case) ?? []
    for (const one of cases) {
      const own = samples.get(one) ?? []
      const larger = probabilityLarger(reference, own)
      const apart = Math.abs(larger - 0.5) > BOUND
      if (apart) told++
      const micros = median(own)
      line(
        kind,
        one.what,
        micros.toFixed(1),
        (micros - median(reference)).toFixed(1),
        `${larger.toFixed(3)}${apart ? ' !' : ''}`,
      )
    }
  }
  const noise = standardError(calls, calls)
  process.stdout.write(
    `\n${calls} calls each; P(slower) is how often a call takes longer than one of the first line of its kind: 0.5 tells nothing, ` +
      `chance alone makes ${noise.toFixed(3)} of difference, ${BOUND} is the bound.\n`,
  )
  process.exitCode = told > 0 ? 1 : 0
} finally {
  const exited = once(server, 'exit')
  server.kill('SIGKILL')
  await exited
}

function line(...cells: string[]): void {
  const [kind = '', what = '', ...numbers] = cells
  process.stdout.write(
    `${kind.padStart(10)} ${what.padEnd(42)} ${numbers.map((number) => number.padStart(10)).join(' ')}\n`,
  )
}

async function portOf(): Promise<number> {
  for await (const line of createInterface(server.stdout)) {
    const port = /^port (\d+)$/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('the server of the bench did not start')
}

/** Microseconds from the request to the end of its answer, for each case. */
async function measure(port: number): Promise<Map<Case, number[]>> {
  const socket = connect(port, '127.0.0.1').setNoDelay()
  await once(socket, 'connect')
  let received = ''
  let answered: (() => void) | undefined
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
    if (received.endsWith('}')) answered?.()
  })

  async function timeOf({ request: text, kind }: Case): Promise<number> {
    received = ''
    const answer = new Promise<void>((resolve) => (answered = resolve))
    const start = process.hrtime.bigint()
    socket.write(text)
    await answer
    const took = Number(process.hrtime.bigint() - start) / 1000
    if (!received.startsWith(`HTTP/1.1 ${kind.slice(0, 3)} `))
      throw new Error(`unexpected: ${received.slice(0, 100)}`)
    return took
  }

  for (let call = 0; call < WARM_UP; call++) await timeOf(CASES[call % CASES.length] as Case)
  const samples = new Map(CASES.map((one): [Case, number[]] => [one, []]))
  for (let call = 0; call < calls; call++)
    // In another order each time, so that what the machine does meanwhile falls on all alike.
    for (const one of shuffled(CASES)) samples.get(one)?.push(await timeOf(one))
  socket.destroy()
  return samples
}

function shuffled<T>(list: readonly T[]): T[] {
  const all = [...list]
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[all[at], all[other]] = [all[other] as T, all[at] as T]
  }
  return all
}
