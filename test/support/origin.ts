import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificates.ts'
import { privatePem } from './certificates.ts'

/** A server on the loopback interface that stands for a provider's. */
export interface Origin {
  /** Without a slash at its end. */
  url: string
  /** Path and query of each request, in the order received. */
  requests: string[]
  /** What a path answers from now on; a text is answered with 200. Other paths are 404. */
  serve(path: string, answer: string | RequestListener): void
  /** Resolves once that many requests have come. */
  received(count: number): Promise<void>
  close(): Promise<void>
}

/** With a certificate it speaks https. */
export async function startOrigin(certificate?: Certificate): Promise<Origin> {
  const answers = new Map<string, RequestListener>()
  const requests: string[] = []
  const listener: RequestListener = (request, response) => {
    const { url = '' } = request
    requests.push(url)
    const answer = answers.get(url)
    if (answer) answer(request, response)
    else response.writeHead(404).end('not here')
    server.emit('counted')
  }
  const server = certificate
    ? createHttpsServer({ cert: certificate.pem, key: privatePem(certificate) }, listener)
    : createHttpServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    serve: (path, answer) =>
      void answers.set(path, typeof answer === 'string' ? (_, response) => response.end(answer) : answer),
    async received(count) {
      while (requests.length < count) await once(server, 'counted')
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
