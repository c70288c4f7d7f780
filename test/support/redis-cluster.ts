import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from './redis-server.ts'
import { redisCommand, startRedisServer } from './redis-server.ts'

export interface RedisCluster {
  nodes: RedisServer[]
  ports: number[]
  close(): Promise<void>
}

const slots = 16_384

/** A private Redis Cluster of masters that share the slots evenly. */
export async function startRedisCluster(masters = 3): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: masters }, () =>
      startRedisServer(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']),
    ),
  )
  const ports = nodes.map(({ port }) => port)
  for (const [index, port] of ports.entries()) {
    const range = [Math.floor((slots * index) / masters), Math.floor((slots * (index + 1)) / masters) - 1]
    await redisCommand(port, 'CLUSTER', 'ADDSLOTSRANGE', ...range.map(String))
    await redisCommand(port, 'CLUSTER', 'MEET', '127.0.0.1', String(ports[0]))
  }
  for (const port of ports) {
    const deadline = Date.now() + 20_000
    while (!/cluster_state:ok[^]*cluster_known_nodes:\d/.test(await redisCommand(port, 'CLUSTER', 'INFO'))) {
      if (Date.now() > deadline) throw new Error('the cluster did not come up')
      await sleep(50)
    }
  }
  return {
    nodes,
    ports,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}
