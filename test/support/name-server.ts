/** A name server on the loopback interface (RFC 1035, as far as looking up addresses goes). */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface NameServer {
  /** As `dns.setServers` takes it. */
  address: string
  /** Names that were asked for, in the order received, once for each type. */
  asked: string[]
  /** Resolves once that many questions have come. */
  received(count: number): Promise<void>
  close(): Promise<void>
}

/** Addresses by name; `silent`: no answer ever comes. Of other names it says that there are none. */
export type Zone = Readonly<Record<string, readonly string[] | 'silent'>>

const TYPE_A = 1
const TYPE_AAAA = 28
const RESPONSE = 0x8180
const NAME_ERROR = 3
const QUESTION_AT = 12

export async function startNameServer(zone: Zone): Promise<NameServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, type, end } = readQuestion(query)
    asked.push(name)
    const addresses = zone[name]
    if (addresses !== 'silent')
      socket.send(answer(query.subarray(0, end), type, addresses), from.port, from.address)
    socket.emit('counted')
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    async received(count) {
      while (asked.length < count) await once(socket, 'counted')
    },
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
  let at = QUESTION_AT
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function answer(question: Buffer, type: number, addresses: readonly string[] | undefined): Buffer {
  const records = (addresses ?? [])
    .filter((address) => (address.includes(':') ? TYPE_AAAA : TYPE_A) === type)
    .map((address) => record(type, bytesOf(address)))
  const head = Buffer.from(question)
  head.writeUInt16BE(RESPONSE | (addresses === undefined ? NAME_ERROR : 0), 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...records])
}

/** Of the name that the question holds, for a minute. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(QUESTION_AT)
  head.writeUInt16BE(0xc000 | QUESTION_AT, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

/** IPv6 addresses are written with `::` once. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [front = [], back = []] = address.split('::').map((half) =>
    half
      .split(':')
      .filter(Boolean)
      .map((group) => parseInt(group, 16)),
  )
  const groups = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back]
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}
