import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A private Redis (or Valkey) of a test. */
export interface RedisServer {
  port: number
  url: string
  /**
   * Stops it at once, as a crash would. What it stored comes back with `start` when it runs with
   * `--appendonly yes`.
   */
  kill(): Promise<void>
  /** Starts it again, with more arguments if there are. */
  start(more?: string[]): Promise<void>
  /** Freezes it: connections stay, nothing is answered. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/**
 * Starts a server that saves nothing unless the arguments say so. With `config`, a Sentinel's for instance,
 * it runs from a file of these lines. `args` may depend on its port. `HOOKLET_REDIS_SERVER` names another binary,
 * such as valkey-server.
 */
export async function startRedisServer(
  args: string[] | ((port: number) => string[]) = [],
  config: string[] = [],
  binary = process.env['HOOKLET_REDIS_SERVER'] ?? 'redis-server',
): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'hooklet-redis-'))
  let port = await redisPort()
  let child: ChildProcess

  async function start(more: string[] = []): Promise<void> {
    const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '']
    if (config.length > 0) await writeFile(join(directory, 'server.conf'), `${config.join('\n')}\n`)
    const file = config.length > 0 ? [join(directory, 'server.conf')] : []
    child = spawn(binary, [...file, ...fixed, ...(typeof args === 'function' ? args(port) : args), ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const { stdout } = child
    if (stdout === null) throw new Error('redis-server has no output')
    let log = ''
    for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
      log += String(chunk)
      if (/Ready to accept connections|Sentinel ID is/.test(log)) {
        stdout.resume()
        return
      }
    }
    throw new Error(`${binary} did not start:\n${log}`)
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  for (let attempt = 1; ; attempt += 1)
    try {
      await start()
      break
    } catch (error) {
      // Another process, or a connection of one, has taken the port since it was found free.
      if (attempt === 5 || !String(error).includes('Address already in use')) throw error
      port = await redisPort()
    }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** That of the bus of a cluster is this much higher. */
const BUS = 10_000

async function redisPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (await isFree(port + BUS)) return port
  }
}

/** Sends one command and gives the raw first part of the answer. */
export async function redisCommand(port: number, ...command: string[]): Promise<string> {
  const socket = createConnection(port, '127.0.0.1')
  socket.write(
    `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`,
  )
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return chunk.toString()
}

/**
 * A free port, below those that the system gives to whoever asks for any: nobody gets it before it is used, nor while
 * its server is restarted.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 20_000)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
