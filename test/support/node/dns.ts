/** The cluster's DNS: names of Services (RFC 1035, as far as looking up an address goes). */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Cluster } from '../kubernetes/cluster.ts'

export interface Dns {
  close(): Promise<void>
}

const TYPE_A = 1
const NAME_ERROR = 3
const TTL_SECONDS = 5
/** A head, a name of no label, type and class. */
const SHORTEST = 17

/** Answers on UDP port 53 of the address; of any name but a Service's it says that there is none. */
export async function serveDns(cluster: Cluster, address: string): Promise<Dns> {
  const socket = createSocket('udp4')
  const addressOf = async (name: string): Promise<string | undefined> => {
    const [service, namespace] = /^([^.]+)\.([^.]+)\.svc(\.cluster\.local)?$/.exec(name)?.slice(1) ?? []
    if (service === undefined) return undefined
    const { status, body } = await cluster.request<{ spec?: { clusterIP?: string } }>(
      'GET',
      `/api/v1/namespaces/${namespace}/services/${service}`,
    )
    return status === 200 ? body.spec?.clusterIP : undefined
  }
  socket.on('message', (query, from) => {
    if (query.length < SHORTEST) return
    const { name, type, end } = readQuestion(query)
    void addressOf(name)
      .catch(() => undefined)
      .then((found) => socket.send(answer({ query, end, type, found }), from.port, from.address))
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  return {
    async close() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

/** The first question: its name in lower case, its type, and where it ends. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0 && at + length + 6 <= query.length; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function answer(of: { query: Buffer; end: number; type: number; found: string | undefined }): Buffer {
  const { query, end, type, found } = of
  const head = Buffer.from(query.subarray(0, end))
  const isAddress = found !== undefined && type === TYPE_A
  // A response, recursion available.
  head.writeUInt16BE(0x8180 | (found === undefined ? NAME_ERROR : 0), 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(isAddress ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  if (!isAddress) return head
  const record = Buffer.alloc(16)
  // Its name is that of the question.
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(TTL_SECONDS, 6)
  record.writeUInt16BE(4, 10)
  Buffer.from(found.split('.').map(Number)).copy(record, 12)
  return Buffer.concat([head, record])
}
