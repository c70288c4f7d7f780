import type { RedisServer } from './redis-server.ts'
import { redisCommand, startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

const withinMs = 20_000

export interface RedisCluster {
  /**
   * The masters in the order of their slots, then as many replicas: the first is that of the first master,
   * and so on.
   */
  nodes: RedisServer[]
  ports: number[]
  close(): Promise<void>
}

export interface RedisClusterOptions {
  masters?: number
  /** Each master has one. */
  replicas?: boolean
  /** More arguments of every server. */
  args?: string[]
}

const slots = 16_384

/** A private Redis Cluster of masters that share the slots evenly. */
export async function startRedisCluster({
  masters = 3,
  replicas = false,
  args = [],
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const fixed = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const nodes = await Promise.all(
    Array.from({ length: replicas ? 2 * masters : masters }, () => startRedisServer([...fixed, ...args])),
  )
  const ports = nodes.map(({ port }) => port)
  for (const [index, port] of ports.slice(0, masters).entries()) {
    const range = [Math.floor((slots * index) / masters), Math.floor((slots * (index + 1)) / masters) - 1]
    await redisCommand(port, 'CLUSTER', 'ADDSLOTSRANGE', ...range.map(String))
  }
  for (const port of ports) await redisCommand(port, 'CLUSTER', 'MEET', '127.0.0.1', String(ports[0]))
  // A server that does not know of all slots yet would send clients to the wrong one.
  const known = [`cluster_slots_assigned:${slots}`, `cluster_known_nodes:${nodes.length}`]
  const all = new RegExp(['cluster_state:ok', ...known].join('\\r[^]*'))
  for (const port of ports)
    await until(async () => all.test(await redisCommand(port, 'CLUSTER', 'INFO')), {
      withinMs,
      why: () => 'the cluster did not come up',
    })
  for (const [index, port] of ports.slice(masters).entries()) {
    const id = bulk(await redisCommand(ports[index] ?? 0, 'CLUSTER', 'MYID'))
    const replicate = async () => (await redisCommand(port, 'CLUSTER', 'REPLICATE', id)).startsWith('+OK')
    await until(replicate, { withinMs, why: () => 'a replica does not know its master' })
    const linked = async () => /master_link_status:up/.test(await redisCommand(port, 'INFO', 'replication'))
    await until(linked, { withinMs, why: () => 'a replica did not reach its master' })
  }
  return {
    nodes,
    ports,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}

function bulk(answer: string): string {
  return answer.split('\r\n')[1] ?? ''
}
