import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createApiServer } from '../../kube/api-server.ts'
import type { ApiServer } from '../../kube/api-server.ts'

/** Answers one request. Watches that it leaves open are cut with {@link FakeApiServer.close}. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/**
 * An HTTP server that answers as a test tells it to: for what a real API server does only once in a long
 * while.
 */
export interface FakeApiServer {
  api: ApiServer
  kubeconfig: string
  /** The requests so far, as `PATH?QUERY`. */
  requests: string[]
  /** Answers the next requests, one each, in order; after these, every request waits for the next call. */
  answer(...answers: Answer[]): void
  /** Answers every request from now on, until it is called with undefined. */
  answerAll(answer: Answer | undefined): void
  close(): Promise<void>
}

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const requests: string[] = []
  const answers: Answer[] = []
  let always: Answer | undefined
  const waiting: [IncomingMessage, ServerResponse][] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const answer = answers.shift() ?? always
    if (answer) answer(request, response)
    else waiting.push([request, response])
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-kube-'))
  const kubeconfig = path.join(folder, 'config')
  const { port } = server.address() as AddressInfo
  const config = {
    clusters: [
      {
        name: 'fake',
        cluster: { server: `http://127.0.0.1:${port}/base`, 'insecure-skip-tls-verify': true },
      },
    ],
    users: [{ name: 'me', user: { token: 'the-token' } }],
    contexts: [{ name: 'here', context: { cluster: 'fake', user: 'me', namespace: 'own' } }],
    'current-context': 'here',
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  const api = createApiServer({ kubeconfig, userAgent: 'hooklet-test' })
  return {
    api,
    kubeconfig,
    requests,
    answer(...more) {
      answers.push(...more)
      while (waiting.length > 0 && answers.length > 0) {
        const next = waiting.shift()
        if (next) answers.shift()?.(...next)
      }
    },
    answerAll(answer) {
      always = answer
      for (const next of waiting.splice(0)) answer?.(...next)
    },
    async close() {
      api.close()
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const json =
  (body: object, status = 200, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }

/** An answer of bytes, as they are, that stays open unless `end` is true. */
export const stream =
  (chunks: string[], { end = false } = {}): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    for (const chunk of chunks) response.write(chunk)
    if (end) response.end()
  }

export const status = (
  code: number,
  reason: string,
  headers: Record<string, string> = {},
  message = 'no',
): Answer => json({ kind: 'Status', code, reason, message }, code, headers)
