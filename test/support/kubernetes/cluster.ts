/** A real control plane of a test: etcd and kube-apiserver as processes of its own, with RBAC. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProgramResult } from '../program.ts'
import { runProgram } from '../program.ts'
import { freePort } from '../redis-server.ts'
import { findPrograms } from './programs.ts'
import type { Program } from './programs.ts'

/** An object as the API server gives it, as far as tests look at it. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    creationTimestamp?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    finalizers?: string[]
    ownerReferences?: { kind: string; name: string; uid: string }[]
  }
  [field: string]: unknown
}

export interface KubeAnswer<Body = KubeObject> {
  status: number
  body: Body
}

export interface Cluster {
  url: string
  /** Of the client that may do everything. */
  kubeconfig: string
  /** The file with the certificate that it shows. */
  authority: string
  /** The file with the key that signs the tokens of ServiceAccounts. */
  tokenKey: string
  /** Requests of the API with the rights of a token; without one, of the client that may do everything. */
  request<Body = KubeObject>(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string; contentType?: string },
  ): Promise<KubeAnswer<Body>>
  /**
   * Applies objects one after another, as `kubectl apply --server-side` does, and waits until the CRDs among
   * them are served.
   */
  apply(objects: object[]): Promise<void>
  /** A new namespace with a name of its own. */
  namespace(prefix: string): Promise<string>
  /** A token of a ServiceAccount, made when it is not there. */
  tokenOf(namespace: string, serviceAccount: string): Promise<string>
  /** Writes a kubeconfig for a token; `server` is another way to the API server, such as a proxy. */
  writeKubeconfig(token: string, options?: { server?: string; namespace?: string }): Promise<string>
  /** Runs kubectl to its end; with the rights of the kubeconfig. */
  kubectl(args: string[], options?: { kubeconfig?: string; input?: string }): Promise<ProgramResult>
  apiServer: {
    /** Kills it as a crash would. */
    kill(): Promise<void>
    /** Starts it again on the same port and data; resolves when it is ready. */
    start(): Promise<void>
  }
  close(): Promise<void>
}

/** `address` is one that pods reach it at, where there are any; default: loopback. */
export async function startCluster(
  env: NodeJS.ProcessEnv = process.env,
  { address = '127.0.0.1' }: { address?: string } = {},
): Promise<Cluster> {
  const programs = findPrograms(env)
  if (programs === undefined) throw new Error('there is no kube-apiserver; npm test provides it')
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-cluster-'))
  const children: { child: ChildProcess; log: string[] }[] = []
  const adminToken = randomBytes(16).toString('hex')

  const launch = (program: Program, args: string[]): { child: ChildProcess; log: string[] } => {
    const child = spawn(path.join(programs, program), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const log: string[] = []
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      log.push(chunk)
      if (log.length > 200) log.shift()
    })
    // A program that can't be started at all ends, too.
    child.on('error', (error) => log.push(error.message))
    const started = { child, log }
    children.push(started)
    return started
  }
  const kill = async ({ child }: { child: ChildProcess }): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  const close = async (): Promise<void> => {
    await Promise.all(children.map(kill))
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()]
    const etcdUrl = `http://127.0.0.1:${client}`
    const peerUrl = `http://127.0.0.1:${peer}`
    launch('etcd', [
      '--unsafe-no-fsync',
      ...flags({
        'data-dir': path.join(folder, 'etcd'),
        'listen-client-urls': etcdUrl,
        'advertise-client-urls': etcdUrl,
        'listen-peer-urls': peerUrl,
        'initial-advertise-peer-urls': peerUrl,
        'initial-cluster': `default=${peerUrl}`,
        'log-level': 'error',
      }),
    ])
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = path.join(folder, 'service-accounts.pem')
    await writeFile(key, privateKey.export({ type: 'sec1', format: 'pem' }))
    const tokens = path.join(folder, 'tokens.csv')
    await writeFile(tokens, `${adminToken},admin,admin,system:masters\n`)
    const certificates = path.join(folder, 'certificates')
    const args = flags({
      'etcd-servers': etcdUrl,
      'bind-address': address,
      'advertise-address': address,
      'secure-port': String(port),
      'cert-dir': certificates,
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': key,
      'service-account-signing-key-file': key,
      'token-auth-file': tokens,
      'authorization-mode': 'RBAC',
      'service-cluster-ip-range': '10.96.0.0/16',
      'allow-privileged': 'true',
      profiling: 'false',
    })
    const url = `https://${address}:${port}`
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false })
    const request = createRequest({ url, agent, adminToken })
    let server = launch('kube-apiserver', args)
    await ready(request, server)
    // The certificate that it made for itself.
    const authority = await readFile(path.join(certificates, 'apiserver.crt'))

    const writeKubeconfig: Cluster['writeKubeconfig'] = async (token, options = {}) => {
      const file = path.join(folder, `kubeconfig-${randomBytes(4).toString('hex')}`)
      const { server = url, namespace } = options
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          { name: 'test', cluster: { server, 'certificate-authority-data': authority.toString('base64') } },
        ],
        users: [{ name: 'test', user: { token } }],
        contexts: [
          {
            name: 'test',
            context: { cluster: 'test', user: 'test', ...(namespace === undefined ? {} : { namespace }) },
          },
        ],
        'current-context': 'test',
      }
      await writeFile(file, JSON.stringify(config), { mode: 0o600 })
      return file
    }
    const kubeconfig = await writeKubeconfig(adminToken)
    return {
      url,
      kubeconfig,
      authority: path.join(certificates, 'apiserver.crt'),
      tokenKey: key,
      request,
      writeKubeconfig,
      ...createActs(request),
      kubectl: (parameters, options = {}) =>
        runKubectl(path.join(programs, 'kubectl'), parameters, { kubeconfig, home: folder, ...options }),
      apiServer: {
        kill: () => kill(server),
        async start() {
          server = launch('kube-apiserver', args)
          await ready(request, server)
        },
      },
      async close() {
        agent.destroy()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

const flags = (values: Record<string, string>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`)

type Request = Cluster['request']

function createRequest(options: { url: string; agent: Agent; adminToken: string }): Request {
  return async <Body>(
    method: string,
    target: string,
    {
      body,
      token = options.adminToken,
      contentType = 'application/json',
    }: {
      body?: unknown
      token?: string
      contentType?: string
    } = {},
  ): Promise<KubeAnswer<Body>> => {
    const outgoing = httpsRequest(`${options.url}${target}`, {
      method,
      agent: options.agent,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
    })
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    const [response] = await once(outgoing, 'response')
    const answer = await text(response)
    const isJson = String(response.headers['content-type']).includes('json')
    return { status: response.statusCode, body: (isJson ? JSON.parse(answer) : answer) as Body }
  }
}

/** Ready as its own probe says, with the namespace `default` made and RBAC's own roles in place. */
async function ready(
  request: Request,
  { child, log }: { child: ChildProcess; log: string[] },
): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
      throw new Error(`kube-apiserver did not become ready:\n${log.join('')}`)
    const answers = await Promise.all(
      ['/readyz', '/api/v1/namespaces/default'].map((target) =>
        request<unknown>('GET', target).then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    )
    if (answers.every((status) => status === 200)) return
    await sleep(50)
  }
}

function createActs(request: Request): Pick<Cluster, 'apply' | 'namespace' | 'tokenOf'> {
  const plurals = new Map<string, { path: string; namespaced: boolean }>()
  const find = async (apiVersion: string, kind: string): Promise<{ path: string; namespaced: boolean }> => {
    const known = plurals.get(`${apiVersion}/${kind}`)
    if (known) return known
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const { body } = await request<{ resources?: { name: string; kind: string; namespaced: boolean }[] }>(
      'GET',
      base,
    )
    for (const { name, kind: found, namespaced } of body.resources ?? [])
      if (!name.includes('/')) plurals.set(`${apiVersion}/${found}`, { path: `${base} ${name}`, namespaced })
    const resource = plurals.get(`${apiVersion}/${kind}`)
    if (!resource) throw new Error(`the API server has no ${kind} of ${apiVersion}`)
    return resource
  }

  const applyOne = async (object: KubeObject): Promise<void> => {
    const { path: place, namespaced } = await find(object.apiVersion, object.kind)
    const [base, plural] = place.split(' ')
    const within = namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : ''
    const { status, body } = await request<{ message?: string }>(
      'PATCH',
      `${base}${within}/${plural}/${object.metadata.name}?fieldManager=test&force=true&fieldValidation=Strict`,
      { body: object, contentType: 'application/apply-patch+yaml' },
    )
    if (status > 201) throw new Error(`${object.kind} ${object.metadata.name}: ${body.message}`)
  }

  const served = async (name: string): Promise<void> => {
    const deadline = Date.now() + 20_000
    for (;;) {
      const { body } = await request<{ status?: { conditions?: { type: string; status: string }[] } }>(
        'GET',
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`,
      )
      const conditions = body.status?.conditions ?? []
      if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return
      if (Date.now() > deadline) throw new Error(`${name} is not established: ${JSON.stringify(conditions)}`)
      await sleep(25)
    }
  }

  return {
    async apply(objects) {
      for (const object of objects as KubeObject[]) {
        await applyOne(object)
        if (object.kind === 'CustomResourceDefinition') await served(object.metadata.name)
      }
    },

    async namespace(prefix) {
      const name = `${prefix}-${randomBytes(3).toString('hex')}`
      const { status } = await request('POST', '/api/v1/namespaces', { body: { metadata: { name } } })
      if (status !== 201) throw new Error(`namespace ${name} was not made: ${status}`)
      return name
    },

    async tokenOf(namespace, serviceAccount) {
      const base = `/api/v1/namespaces/${namespace}/serviceaccounts`
      await request('POST', base, { body: { metadata: { name: serviceAccount } } })
      const { status, body } = await request<{ status?: { token: string } }>(
        'POST',
        `${base}/${serviceAccount}/token`,
        { body: { spec: { expirationSeconds: 3600 } } },
      )
      if (!body.status) throw new Error(`no token of ${serviceAccount}: ${status}`)
      return body.status.token
    },
  }
}

export function runKubectl(
  program: string,
  args: string[],
  { kubeconfig, home, input }: { kubeconfig: string; home: string; input?: string },
): Promise<ProgramResult> {
  // Discovery is cached in the home folder.
  return runProgram(program, args, { env: { ...process.env, KUBECONFIG: kubeconfig, HOME: home }, input })
}
