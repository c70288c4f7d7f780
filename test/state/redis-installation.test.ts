/** Two installations with one Redis: each would acknowledge what the other accepts. */
import { expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { callEvent, readEvent } from '../contract/harness.ts'
import { redisCommand } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { redisLab } from './redis-lab.ts'

const partition = 3
const lab = redisLab([])

function open(installation?: string, options: Partial<RedisStateOptions> = {}): RedisState {
  const named = installation === undefined ? {} : { installation }
  return lab.open({ sweepMs: 100, ...named, ...options })
}

test.each([['shop/b'], [undefined]])(
  '%s gets nothing where shop/a is, and is told what to do',
  async (name) => {
    const first = open('shop/a')
    const ingress = first.ingress('pod')
    await ingress.admit({ partition, event: callEvent() })
    const other = open(name)
    const [foreignIngress, foreignRunner] = [other.ingress('pod'), other.runner('runner')]
    expect(await foreignIngress.ready()).toBe(false)
    expect(await foreignRunner.ready()).toBe(false)
    await expect(foreignRunner.read({ count: 1, blockMs: 0 })).rejects.toThrow(
      /belong to the installation "shop\/a".*HOOKLET_REDIS_PREFIX.*delete the key hooklet:installation/,
    )
    await expect(foreignIngress.admit({ partition, event: callEvent() })).rejects.toThrow('shop/a')
    const runner = first.runner('runner')
    await runner.acknowledge([await readEvent(runner)])
    expect(await redisCommand(lab.server.port, 'XLEN', 'hooklet:{p3}:events')).toBe(':0\r\n')
  },
)

test('processes of one installation, with names or without, share the state', async () => {
  for (const name of ['shop/a', undefined]) {
    await redisCommand(lab.server.port, 'FLUSHALL')
    const [one, two] = [open(name).ingress('pod'), open(name).runner('runner')]
    const event = callEvent()
    await one.admit({ partition, event })
    expect((await readEvent(two)).event.id).toBe(event.id)
  }
})

test('who divides the state otherwise gets nothing, and is told what to do', async () => {
  for (const name of ['shop/a', undefined]) {
    await redisCommand(lab.server.port, 'FLUSHALL')
    await open(name, { partitions: 16 }).ingress('pod').admit({ partition, event: callEvent() })
    const other = open(name, { partitions: 2 }).runner('runner')
    expect(await other.ready()).toBe(false)
    await expect(other.read({ count: 1, blockMs: 0 })).rejects.toThrow(
      /divided into 16 partitions, and this process is set to 2 \(HOOKLET_PARTITIONS\): set it to 16 or.*delete the key hooklet:installation$/,
    )
    expect(await open(name, { partitions: 16 }).runner('late').ready()).toBe(true)
  }
})

test('a state that a process without a number of partitions has left is divided as its owner says', async () => {
  await redisCommand(lab.server.port, 'HSET', 'hooklet:installation', 'name', 'shop/a')
  expect(await open('shop/b', { partitions: 2 }).runner('stranger').ready()).toBe(false)
  expect(await open('shop/a', { partitions: 16 }).runner('runner').ready()).toBe(true)
  expect(await redisCommand(lab.server.port, 'HGET', 'hooklet:installation', 'partitions')).toContain('16')
})

test('a state goes to another installation when its key is deleted', async () => {
  await open('shop/a').ingress('pod').admit({ partition, event: callEvent() })
  const heir = open('shop/b').runner('runner')
  expect(await heir.ready()).toBe(false)
  await redisCommand(lab.server.port, 'DEL', 'hooklet:installation')
  await until(() => heir.ready())
  expect((await readEvent(heir)).deliveries).toBe(1)
})

test('who comes back to a Redis that has lost its data and has another owner by now is refused', async () => {
  const errors: string[] = []
  const ingress = open('shop/a', { onError: (error) => errors.push(String(error)) }).ingress('pod')
  await ingress.admit({ partition, event: callEvent() })
  await lab.server.kill()
  await until(async () => !(await ingress.ready()))
  await lab.server.start()
  await until(
    async () => (await redisCommand(lab.server.port, 'EXISTS', 'hooklet:installation')) === ':1\r\n',
  )
  await redisCommand(lab.server.port, 'HSET', 'hooklet:installation', 'name', 'shop/b')
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'normal')
  await until(async () => errors.some((error) => error.includes('"shop/b" and not to "shop/a"')))
  await expect(ingress.admit({ partition, event: callEvent() })).rejects.toThrow('shop/b')
})
