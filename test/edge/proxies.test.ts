/** Proxies of one's own in front of ingress processes, each as the page on proxies sets it up. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, jest } from '@jest/globals'
import { readBlocks } from '../e2e/cluster/pages.ts'
import { startDaemon, run } from '../support/node/daemon.ts'
import type { Daemon } from '../support/node/daemon.ts'
import { freePort } from '../support/redis-server.ts'
import { certificateFor } from './certificate.ts'
import { expectEdge, TOO_LARGE } from './contract.ts'
import { startPods } from './pods.ts'
import type { Pods } from './pods.ts'

jest.setTimeout(180_000)

const HOST = 'hooks.example.com'
/** In place of the page's 10.0.0.11 and 10.0.0.12. */
const ADDRESSES = ['127.0.0.11', '127.0.0.12']

interface Program {
  /** The language of its block on the page. */
  language: string
  /** Of the file, in the folder that is given. */
  file: string
  /** What the page leaves to the machine's own configuration. */
  around?(text: string, folder: string): string
  start(file: string, folder: string): Daemon
  /** What the patience of the page is called in it, and how a second of it is written. */
  impatient: [from: string, to: string]
  /** Whether it asks processes if they are ready. */
  asks: boolean
  /** Where it does not pass 413 on in any case. */
  tooLarge?: RegExp
}

const PROGRAMS: Record<string, Program> = {
  nginx: {
    language: 'nginx',
    file: 'nginx.conf',
    around: (text, folder) =>
      `daemon off; pid ${folder}/nginx.pid; error_log stderr; events {} http { access_log off;\n${[
        'client_body',
        'proxy',
        'fastcgi',
        'uwsgi',
        'scgi',
      ]
        .map((name) => `${name}_temp_path ${folder}/${name};`)
        .join(' ')}\n${text}}\n`,
    start: (file, folder) => startDaemon('nginx', ['-e', 'stderr', '-p', folder, '-c', file]),
    impatient: ['proxy_read_timeout 75s', 'proxy_read_timeout 1s'],
    asks: false,
  },
  HAProxy: {
    language: 'haproxy',
    file: 'haproxy.cfg',
    start: (file) => startDaemon('haproxy', ['-db', '-f', file]),
    impatient: ['timeout server 75s', 'timeout server 1s'],
    asks: true,
  },
  Caddy: {
    language: 'caddy',
    file: 'Caddyfile',
    around: (text, folder) =>
      `{\n  admin off\n  auto_https disable_redirects\n  storage file_system ${folder}\n}\n${text}`,
    start: (file, folder) =>
      startDaemon('caddy', ['run', '--adapter', 'caddyfile', '--config', file], {
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: folder,
      }),
    impatient: ['response_header_timeout 75s', 'response_header_timeout 1s'],
    asks: true,
  },
  Apache: {
    language: 'apache',
    file: 'apache.conf',
    around: (text, folder) =>
      `${[
        'mpm_event',
        'authz_core',
        'headers',
        'ssl',
        'socache_shmcb',
        'slotmem_shm',
        'proxy',
        'proxy_http',
        'proxy_balancer',
        'lbmethod_byrequests',
      ]
        .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
        .join(
          '\n',
        )}\nServerName localhost\nPidFile ${folder}/pid\nDefaultRuntimeDir ${folder}\nErrorLog "|/bin/cat"\n${text}`,
    start: (file, folder) => startDaemon('apache2', ['-DFOREGROUND', '-d', folder, '-f', file]),
    impatient: ['ProxyTimeout 75', 'ProxyTimeout 1'],
    asks: false,
    tooLarge: /^(413 |502 |Error: )/,
  },
}

let folder: string
let pods: Pods
const { certificate, key, authority } = certificateFor([HOST])

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-proxies-'))
  // Programs that give up root's rights read and write there, too.
  await run('chmod', ['755', folder])
  await writeFile(path.join(folder, 'hooks.crt'), certificate)
  await writeFile(path.join(folder, 'hooks.key'), key)
  await writeFile(path.join(folder, 'hooks.pem'), certificate + key)
  const env = { HOOKLET_TRUSTED_PROXIES: '127.0.0.1' }
  pods = await startPods({ addresses: ADDRESSES, port: await freePort(), env })
})
afterAll(async () => {
  await pods?.close()
  await rm(folder, { recursive: true, force: true })
})

/** As a restart of each process, when the one before has calls again. */
async function replacePods(): Promise<void> {
  for (const address of ADDRESSES) {
    await pods.running.get(address)?.stop()
    await pods.start(address)
    await pods.called(address)
  }
}

describe.each(Object.entries(PROGRAMS))('%s', (name, program) => {
  const daemons: Daemon[] = []
  const ports: number[] = []
  beforeAll(async () => {
    const [block = ''] = await readBlocks('docs/proxies.md', `### ${name}`, program.language)
    for (const patience of ['75', '1']) {
      const own = path.join(folder, `${name}-${patience}`)
      await mkdir(own)
      await run('chmod', ['777', own])
      const port = await freePort()
      const [from, to] = program.impatient
      if (!block.includes(from)) throw new Error(`${name} has no ${from}`)
      const text = placed(patience === '75' ? block : block.replace(from, to), port)
      const file = path.join(own, program.file)
      await writeFile(file, program.around?.(text, own) ?? text)
      daemons.push(program.start(file, own))
      ports.push(port)
    }
  })
  afterAll(() => Promise.all(daemons.map((daemon) => daemon.stop())))

  const door = (nth: number): { port: number; host: string; authority: string } => ({
    port: ports[nth] ?? 0,
    host: HOST,
    authority,
  })
  const { asks, tooLarge = TOO_LARGE } = program
  expectEdge({ asks, besides: 'impatient', tooLarge }, () => ({
    pods,
    door: door(0),
    impatient: door(1),
    replacePods,
    log: () => daemons.map((daemon) => daemon.log()).join('\n'),
  }))
})

/** The page's addresses, ports and files as they are here. */
function placed(text: string, port: number): string {
  return text
    .replaceAll('10.0.0.11:8080', `${ADDRESSES[0]}:${pods.port}`)
    .replaceAll('10.0.0.12:8080', `${ADDRESSES[1]}:${pods.port}`)
    .replaceAll(/\b8081\b/g, String(pods.port + 1))
    .replaceAll(/\/etc\/ssl\/(hooks\.\w+)/g, `${folder}/$1`)
    .replaceAll(/(listen |bind :|Listen |VirtualHost \*:)443/g, `$1${port}`)
    .replaceAll(`${HOST} {`, `${HOST}:${port} {`)
}
