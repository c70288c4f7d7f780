/**
 * What is fuzzed, as a process of its own: an ingress with a webhook of every kind, and behind it what reads
 * its events and decodes them as a runner does. Tells its port on standard output, and on standard error
 * whatever must not happen.
 */
import { hash } from 'node:crypto'
import { createIngress } from '../../ingress/ingress.ts'
import { createRouteTable } from '../../ingress/routes/table.ts'
import { decodeCall } from '../../runner/request/input.ts'
import { systemClock } from '../../state/clock.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import { routes } from './routes.ts'

const state = createMemoryState()
const table = createRouteTable()
for (const route of routes((text) => hash('sha256', text, 'hex'))) table.put(route)

const silent = (): void => {}
const fault = (error: unknown): void => void process.stderr.write(`${String(error)}\n`)
const ingress = createIngress({
  state: state.ingress('fuzz'),
  table,
  clock: systemClock,
  log: {
    debug: silent,
    info: silent,
    warn: silent,
    error: (fields, message) => fault(`${message}: ${JSON.stringify(fields)} ${stackOf(fields)}`),
  },
  publicUrl: () => 'https://hooks.example.com',
  proxies: { networks: ['127.0.0.0/8'], header: 'X-Forwarded-For' },
  // The calls of a batch come at once, and those that never end must not hold up the next one.
  limits: { headersTimeoutMs: 2_000, requestTimeoutMs: 2_000, timeoutCheckMs: 200, lingerMs: 10 },
})
const { port } = await ingress.listen({ port: 0, host: '127.0.0.1' })
process.stdout.write(`port ${port}\n`)

const runner = state.runner('fuzz')
for (;;) {
  const deliveries = await runner.read({ count: 64, blockMs: 1_000 })
  for (const delivery of deliveries) {
    if (delivery.kind !== 'event') continue
    const { event } = delivery
    try {
      JSON.stringify(await decodeCall(event))
      if (event.reply !== undefined)
        await runner.reply(
          { replyId: event.reply.id, namespace: event.webhook.namespace },
          { kind: 'output', body: event.query },
        )
    } catch (error) {
      fault(`not decoded: ${stackOf({ err: error })}`)
    }
    await runner.acknowledge([delivery])
  }
}

function stackOf(fields: object): string {
  const { err } = fields as { err?: unknown }
  return err instanceof Error ? String(err.stack) : ''
}
