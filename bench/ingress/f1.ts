/**
 * F1, the floor of the design: F0 and one EVALSHA a call (sliding window and XADD of the body), ioredis with
 * autopipelining: `node f1.ts REDIS SCENARIO`. Each route has a window of its own.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { Redis } from 'ioredis'
import { LIMIT } from './limit.ts'
import { listening } from './listening.ts'
import type { Scenario } from './scenarios.ts'
import { routesOf, tokenOf } from './scenarios.ts'

const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local nth = redis.call('LINDEX', KEYS[1], ARGV[1] - 1)
if nth and now - nth < tonumber(ARGV[2]) then return 0 end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2] / 1000)
redis.call('XADD', KEYS[2], '*', 'b', ARGV[3])
return 1`

const [url, scenario] = process.argv.slice(2) as [string, Scenario]
const windows = new Map<string, string>()
for (let nth = 0; nth < routesOf(scenario); nth++) windows.set(tokenOf(nth), `{f1}:window:${nth}`)
const redis = new Redis(url, { enableAutoPipelining: true })
await redis.script('LOAD', SCRIPT)
const sha = createHash('sha1').update(SCRIPT).digest('hex')

async function answer(response: ServerResponse, window: string, body: Buffer | string): Promise<void> {
  const { requests, windowMs } = LIMIT
  const passed = await redis.evalsha(sha, 2, window, '{f1}:events', requests, windowMs * 1000, body)
  response.writeHead(passed ? 200 : 429, { 'content-type': 'application/json' }).end('{"success":true}')
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? (chunks[0] ?? '') : Buffer.concat(chunks)
    void answer(response, windows.get((request.url ?? '').slice('/webhooks/'.length)) ?? '', body)
  })
})
await listening(server)
