import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import type { RedisState } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import { createTurn } from '../../state/redis/turn.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { redisCommand, startRedisServer } from '../support/redis-server.ts'

/** Counts what would be a system call each. */
function countingSocket(): { socket: Writable; writes: string[] } {
  const writes: string[] = []
  const socket = new Writable({
    write(chunk: Buffer, _, done) {
      writes.push(chunk.toString())
      done()
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      done()
    },
  })
  return { socket, writes }
}

test('all writes of one turn leave as one, those of the next as another', async () => {
  const { socket, writes } = countingSocket()
  const { cork } = createTurn(() => [socket, undefined])
  for (const text of ['a', 'b', 'c']) {
    cork()
    socket.write(text)
  }
  expect(writes).toEqual([])
  await turn()
  expect(writes).toEqual(['abc'])
  cork()
  socket.write('d')
  await turn()
  expect(writes).toEqual(['abc', 'd'])
})

test('a socket that was replaced or destroyed in between is uncorked all the same, and the new one is not left corked', async () => {
  const old = countingSocket()
  const next = countingSocket()
  let socket = old.socket
  const { cork } = createTurn(() => [socket])
  cork()
  old.socket.write('a')
  socket = next.socket
  cork()
  next.socket.write('b')
  expect(next.writes).toEqual(['b'])
  await turn()
  expect(old.writes).toEqual(['a'])
  expect([old.socket.writableCorked, next.socket.writableCorked]).toEqual([0, 0])
  socket.destroy()
  cork()
  await turn()
  socket = countingSocket().socket
  cork()
  expect(socket.writableCorked).toBe(1)
  await turn()
  expect(socket.writableCorked).toBe(0)
})

test('what is done at the end of a turn leaves with what was written in it', async () => {
  const { socket, writes } = countingSocket()
  const { cork, atEnd, end } = createTurn(() => [socket])
  const write = (text: string): void => {
    cork()
    socket.write(text)
  }
  atEnd(() => {
    write('b')
    atEnd(() => write('c'))
  })
  write('a')
  await turn()
  expect(writes).toEqual(['ab'])
  await turn()
  expect(writes).toEqual(['ab', 'c'])
  atEnd(() => write('d'))
  end()
  expect(writes).toEqual(['ab', 'c', 'd'])
  await turn()
  expect(socket.writableCorked).toBe(0)
})

let server: RedisServer | undefined
let state: RedisState | undefined
afterEach(async () => {
  await state?.close()
  await server?.close()
})

test('admissions of one turn share a script by sixteen, each of which leaves in one write', async () => {
  server = await startRedisServer()
  const { port } = server
  state = createRedisState({ url: server.url, sweepMs: 60_000 })
  const ingress = state.ingress('pod')
  const throttle = { key: 'orders', requests: 1_000, windowMs: 60_000 }
  await ingress.admit({ partition: 0, throttle })
  await redisCommand(port, 'CONFIG', 'RESETSTAT')
  await Promise.all(Array.from({ length: 500 }, () => ingress.admit({ partition: 0, throttle })))
  const stats = await redisCommand(port, 'INFO', 'stats')
  // Redis reads 16 KiB at a time, so that one write may take two reads.
  expect(Number(/total_reads_processed:(\d+)/.exec(stats)?.[1])).toBeLessThan(70)
  const commands = await redisCommand(port, 'INFO', 'commandstats')
  expect(commands).toContain('cmdstat_evalsha:calls=32,')
  expect(commands).toContain('cmdstat_time:calls=32,')
  expect(await redisCommand(port, 'LLEN', 'hooklet:{p0}:window:orders')).toBe(':501\r\n')
})
