import { describe, expect, test } from '@jest/globals'
import { parseRedisUrl } from '../../state/redis/url.ts'

const one = [{ host: 'h', port: 6_379 }]

describe('a Redis URL', () => {
  test.each([
    ['redis://h', { kind: 'standalone', addresses: one, tls: false, db: 0 }],
    ['redis://h:7/3', { kind: 'standalone', addresses: [{ host: 'h', port: 7 }], tls: false, db: 3 }],
    ['rediss://h/', { kind: 'standalone', addresses: one, tls: true, db: 0 }],
    [
      'redis://[2001:db8::1]:7',
      { kind: 'standalone', addresses: [{ host: '2001:db8::1', port: 7 }], tls: false, db: 0 },
    ],
    ['redis://:p%40ss@h', { kind: 'standalone', addresses: one, tls: false, db: 0, password: 'p@ss' }],
    [
      'redis://us%3Aer:a:b@h',
      { kind: 'standalone', addresses: one, tls: false, db: 0, username: 'us:er', password: 'a:b' },
    ],
    [
      'redis+sentinel://u:p@a,b:7/main/2?sentinelUsername=su&sentinelPassword=s%26p',
      {
        kind: 'sentinel',
        addresses: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 7 },
        ],
        tls: false,
        db: 2,
        master: 'main',
        username: 'u',
        password: 'p',
        sentinelUsername: 'su',
        sentinelPassword: 's&p',
      },
    ],
    [
      'rediss+cluster://a:1,b:2',
      {
        kind: 'cluster',
        addresses: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        tls: true,
        db: 0,
      },
    ],
  ])('%s', (url, target) => expect(parseRedisUrl(url)).toEqual(target))

  test.each([
    'h:6379',
    'http://u:secret@h',
    'redis://',
    'redis://u:secret@h:0',
    'redis://u:secret@h:70000',
    'redis://u:secret@a,b',
    'redis://u:secret@h/x',
    'redis://u:secret@h/1/2',
    'redis+sentinel://u:secret@h',
    'redis+cluster://u:secret@h/1',
    'redis+other://u:secret@h',
    'redis://u:secret%zz@h',
  ])('%s is refused without being repeated', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/Redis/)
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/)
  })
})
