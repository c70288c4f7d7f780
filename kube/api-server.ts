/**
 * The connection to an API server. Where it is and who we are comes from a kubeconfig or a pod's service
 * account, read by `@kubernetes/client-node`; requests are plain HTTPS over connections that are kept.
 */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { ApiError, readStatus } from './error.ts'

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Record<string, string | undefined>
  /** Sent as JSON. */
  body?: object
  /** Of the body; a merge patch needs `application/merge-patch+json`. */
  contentType?: string
  accept?: string
  signal?: AbortSignal
  /** For the whole answer, or for the head of a stream. Default 30,000. */
  timeoutMs?: number
}

export interface ApiServer {
  /** The kubeconfig's or the pod's own namespace. */
  readonly namespace: string | undefined
  /** @throws {ApiError} on an answer that is no success; any other error when there was no answer. */
  send<Answer>(request: ApiRequest): Promise<Answer>
  /** The answer's body as it comes, as watches need it. Destroy it when done. Throws as {@link send}. */
  open(request: ApiRequest): Promise<http.IncomingMessage>
  /** Cuts all connections. */
  close(): void
}

export interface ApiServerOptions {
  /**
   * A kubeconfig file. Absent: as kubectl finds it (`KUBECONFIG`, `~/.kube/config`), else the pod's service
   * account.
   */
  kubeconfig?: string
  userAgent: string
}

const TIMEOUT_MS = 30_000
/** Tokens and certificates are read anew this often: they are rotated in files. */
const CREDENTIALS_MS = 30_000
const KEEP_ALIVE_MS = 15_000

export const MERGE_PATCH = 'application/merge-patch+json'

interface Access {
  headers: Record<string, string>
  agent: http.Agent
  until: number
}

/** Reads the configuration; connects with the first request. */
export function createApiServer({ kubeconfig, userAgent }: ApiServerOptions): ApiServer {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('The kubeconfig has no current context with a cluster.')
  const server = new URL(cluster.server)
  const prefix = server.pathname.replace(/\/+$/, '')
  const { request } = server.protocol === 'http:' ? http : https
  const agents = createAgents(server.protocol, cluster.proxyUrl !== undefined)
  let access: Promise<Access> | undefined

  async function readAccess(): Promise<Access> {
    const options: https.RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const headers = { ...(options.headers as Record<string, string> | undefined), 'user-agent': userAgent }
    return { headers, agent: agents.for(options), until: Date.now() + CREDENTIALS_MS }
  }

  async function currentAccess(): Promise<Access> {
    const known = await access?.catch(() => undefined)
    if (known && known.until > Date.now()) return known
    access = readAccess()
    return access
  }

  async function head(call: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { headers, agent } = await currentAccess()
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const outgoing = request({
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port,
      path: prefix + call.path + queryOf(call.query),
      method: call.method,
      agent,
      signal,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(call.accept === undefined ? {} : { accept: call.accept }),
        ...(body === undefined
          ? {}
          : {
              'content-type': call.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      },
    })
    // What goes wrong after the head is the body's to tell.
    outgoing.on('error', () => undefined)
    outgoing.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
    outgoing.end(body)
    const [answer] = (await once(outgoing, 'response', { signal })) as [http.IncomingMessage]
    const status = answer.statusCode ?? 0
    if (status >= 200 && status < 300) return answer
    // A token that was rotated is read again at once.
    if (status === 401) access = undefined
    throw readStatus(status, await readText(answer), answer.headers['retry-after'])
  }

  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,

    async send<Answer>(call: ApiRequest): Promise<Answer> {
      const timeout = AbortSignal.timeout(Math.ceil(call.timeoutMs ?? TIMEOUT_MS))
      const answer = await head(call, call.signal ? AbortSignal.any([call.signal, timeout]) : timeout)
      return JSON.parse(await readText(answer)) as Answer
    },

    async open(call) {
      const overdue = new AbortController()
      const timer = setTimeout(
        () => overdue.abort(new Error('the API server did not answer in time')),
        call.timeoutMs ?? TIMEOUT_MS,
      )
      try {
        return await head(call, call.signal ? AbortSignal.any([call.signal, overdue.signal]) : overdue.signal)
      } finally {
        clearTimeout(timer)
      }
    },

    close: () => agents.close(),
  }
}

/** Connections are kept as long as the certificates that they were made with are the current ones. */
function createAgents(protocol: string, throughProxy: boolean) {
  const material = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'servername', 'rejectUnauthorized'] as const
  const made: http.Agent[] = []
  let current: { agent: http.Agent; made: string } | undefined
  return {
    for(options: https.RequestOptions): http.Agent {
      if (throughProxy) return options.agent as http.Agent
      const tls = Object.fromEntries(
        material.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
      )
      const fingerprint = JSON.stringify(tls)
      if (current?.made !== fingerprint) {
        const agent =
          protocol === 'http:'
            ? new http.Agent({ keepAlive: true })
            : new https.Agent({ ...tls, keepAlive: true })
        made.push(agent)
        current = { agent, made: fingerprint }
      }
      return current.agent
    },
    close() {
      for (const agent of made) agent.destroy()
    },
  }
}

function queryOf(query: ApiRequest['query']): string {
  const given = Object.entries(query ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

async function readText(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  if (!answer.complete)
    throw new ApiError({ status: 0, reason: '', message: 'the answer of the API server broke off' })
  return Buffer.concat(chunks).toString('utf8')
}
