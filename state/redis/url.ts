/** What a Redis URL says. */
export interface RedisTarget {
  kind: 'standalone' | 'sentinel' | 'cluster'
  /** Servers, sentinels or some nodes of the cluster. */
  addresses: { host: string; port: number }[]
  tls: boolean
  username?: string
  password?: string
  db: number
  /** Of a Sentinel: the name of the master. */
  master?: string
  sentinelUsername?: string
  sentinelPassword?: string
}

const form =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^/?@]+)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/

/**
 * Reads one of
 *
 *     redis://[user:password@]host[:6379][/db]
 *     redis+sentinel://[user:password@]host[:26379][,host…]/master[/db][?sentinelUsername=…&sentinelPassword=…]
 *     redis+cluster://[user:password@]host[:6379][,host…]
 *
 * with `rediss` in place of `redis` for TLS. User, password and parameters are percent-encoded. Throws an
 * Error that names what is wrong without repeating the URL, since it may hold a password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const groups = form.exec(url)?.groups
  if (groups === undefined)
    throw new Error(
      'the Redis URL must look like redis://host:6379, redis+sentinel://host:26379/master or redis+cluster://host:6379',
    )
  const kind = (groups['kind'] ?? 'standalone') as RedisTarget['kind']
  const path = (groups['path'] ?? '').split('/').slice(1).map(decode)
  const master = kind === 'sentinel' ? path.shift() : undefined
  if (kind === 'sentinel' && !master)
    throw new Error('the Redis URL of a Sentinel names its master: redis+sentinel://host:26379/master')
  const [db = '', ...rest] = path
  if (!/^\d{0,4}$/.test(db) || rest.length > 0)
    throw new Error('the path of the Redis URL must end with the number of a database')
  if (kind === 'cluster' && Number(db) !== 0) throw new Error('a Redis Cluster has database 0 only')
  const addresses = (groups['hosts'] ?? '')
    .split(',')
    .map((host) => parseAddress(host, kind === 'sentinel' ? 26_379 : 6_379))
  if (kind === 'standalone' && addresses.length > 1)
    throw new Error('several Redis hosts need redis+sentinel:// or redis+cluster://')
  const parameters = new URLSearchParams(groups['query'] ?? '')
  return {
    kind,
    addresses,
    tls: groups['scheme'] === 'rediss',
    db: Number(db),
    ...parseLogin(groups['login']),
    ...(master ? { master } : {}),
    ...optional('sentinelUsername', parameters.get('sentinelUsername')),
    ...optional('sentinelPassword', parameters.get('sentinelPassword')),
  }
}

function optional<K extends string>(key: K, value: string | null | undefined): { [P in K]?: string } {
  return (value ? { [key]: value } : {}) as { [P in K]?: string }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('the Redis URL has a % that begins no percent-encoding')
  }
}

function parseLogin(login = ''): Pick<RedisTarget, 'username' | 'password'> {
  const colon = login.indexOf(':')
  const username = decode(colon < 0 ? login : login.slice(0, colon))
  const password = colon < 0 ? '' : decode(login.slice(colon + 1))
  return { ...optional('username', username), ...optional('password', password) }
}

function parseAddress(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^[\]:]+))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  const host = match?.['six'] ?? match?.['host']
  const port = Number(match?.['port'] ?? defaultPort)
  if (host === undefined || port < 1 || port > 65_535)
    throw new Error('a host of the Redis URL must look like host:6379 or [::1]:6379')
  return { host, port }
}
