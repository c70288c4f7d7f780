/**
 * A Redis as the page on installing wants it for production: TLS of an authority of one's own, a password,
 * and the documented rights.
 */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createCertificate, ecKeys } from '../../support/certificates.ts'
import { run, tryRun } from '../../support/node/daemon.ts'
import { freePort, startRedisServer } from '../../support/redis-server.ts'

const DAY_MS = 86_400_000

export interface OwnRedis {
  /** `host:port`, as pods reach it. */
  address: string
  /** Whether there is a key of that pattern. */
  holds(pattern: string): Promise<boolean>
  close(): Promise<void>
}

/** Puts the authority's certificate into the folder, as `ca.crt`. */
export async function startOwnRedis(host: string, folder: string): Promise<OwnRedis> {
  const now = Date.now()
  const period = { validFrom: now - DAY_MS, validTo: now + DAY_MS }
  const authority = createCertificate({ subject: 'Authority', keys: ecKeys(), ca: true, ...period })
  const own = createCertificate({
    subject: 'Redis',
    keys: ecKeys(),
    issuer: authority,
    ipAddresses: [host],
    ...period,
  })
  const files = {
    'ca.crt': authority.pem,
    'redis.crt': own.pem,
    'redis.key': own.keys.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text)
  const port = await freePort()
  const file = (name: string): string => path.join(folder, name)
  const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', file('ca.crt')]
  const certificate = ['--tls-cert-file', file('redis.crt'), '--tls-key-file', file('redis.key')]
  const password = randomBytes(16).toString('hex')
  const server = await startRedisServer(
    ['--bind', '127.0.0.1', host, '--requirepass', password, '--appendonly', 'yes', ...tls, ...certificate],
    [await documentedUser()],
  )
  return {
    address: `${host}:${port}`,
    async holds(pattern) {
      const login = ['-p', String(server.port), '-a', password, '--no-auth-warning']
      return (await run('redis-cli', [...login, 'KEYS', pattern])).trim() !== ''
    },
    close: () => server.close(),
  }
}

/** The line of the page on the shared state, which goes over two. */
async function documentedUser(): Promise<string> {
  const page = await readFile(path.join(import.meta.dirname, '../../../docs/state.md'), 'utf8')
  const [, lines] = /^(user hooklet on [^]*?)^```/m.exec(page) ?? []
  if (lines === undefined) throw new Error('the page on the shared state names no user')
  return lines.replaceAll(/\s+/g, ' ').trim()
}

/** Whether a file that was copied from the embedded server has Hooklet's keys in it. */
export async function holdsState(folder: string, file: string): Promise<boolean> {
  const binary = (await tryRun('which', ['valkey-server'])) === '' ? 'redis-server' : 'valkey-server'
  const server = await startRedisServer(['--dir', folder, '--dbfilename', file], [], binary)
  try {
    return (await run('redis-cli', ['-p', String(server.port), 'KEYS', 'hooklet:*'])).trim() !== ''
  } finally {
    await server.close()
  }
}
