import { expect, test } from '@jest/globals'
import type { Secret } from '../../../crds/object.ts'
import type { Webhook } from '../../../crds/types.gen.ts'
import { ApiError } from '../../../kube/error.ts'
import { createObjectCache } from '../../../operator/control/cache.ts'
import { claimTokens } from '../../../operator/control/claims.ts'
import { createTokenClaims } from '../../../operator/tokens/token.ts'
import { stored } from '../golden.ts'

const TOKEN = 'pinned-token-of-22-characters'

function pinned(name: string, creationTimestamp: string): Webhook {
  const [object] = stored(
    `{apiVersion: hooklet.dev/v1alpha1, kind: Webhook, metadata: {name: ${name}}, spec: {tokenFrom: {secretKeyRef: {name: door-${name}, key: token}}}}`,
  )
  const metadata = { namespace: 'shop', name, uid: `uid-of-${name}`, resourceVersion: '1', creationTimestamp }
  return { ...(object as Webhook), metadata }
}

/** Two Webhooks with one token, each from a Secret of its own. `read` gives the older one's. */
async function claim(
  read: () => Promise<Secret | undefined>,
  published: Record<string, string> = {},
  { signal } = new AbortController(),
) {
  const door = (name: string): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'shop', name, resourceVersion: '1' },
    data: { token: Buffer.from(TOKEN).toString('base64') },
  })
  const cache = createObjectCache({
    read: (_, { name }) => (name === 'door-older' ? read() : Promise.resolve(door(name))),
    onResource: () => undefined,
    onTouched: () => undefined,
  })
  const older = pinned('older', '2026-01-01T00:00:00Z')
  const younger = pinned('younger', '2026-02-01T00:00:00Z')
  for (const webhook of [older, younger]) {
    cache.sinks.webhooks.put(webhook)
    cache.sinks.metadata.Secret.put(door(`door-${webhook.metadata.name}`))
  }
  const claims = createTokenClaims<Webhook>()
  const faults: string[] = []
  await claimTokens({
    cache,
    claims,
    publishedToken: ({ metadata }) => published[metadata.name],
    onFault: ({ metadata }, error) => faults.push(`${metadata.name}: ${error.message}`),
    signal,
  })
  return { owner: claims.owner(TOKEN)?.metadata.name, faults, door }
}

const failure = (status: number, retryAfterMs?: number): ApiError =>
  new ApiError({
    status,
    reason: '',
    message: `answered ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

test('a read that fails once is tried again, and the oldest has the token', async () => {
  let reads = 0
  const { owner, faults } = await claim(() => {
    reads += 1
    if (reads === 1) return Promise.reject(failure(429, 10))
    return Promise.resolve({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'shop', name: 'door-older', resourceVersion: '1' },
      data: { token: Buffer.from(TOKEN).toString('base64') },
    })
  })
  expect({ owner, faults, reads }).toEqual({ owner: 'older', faults: [], reads: 2 })
})

test('one that is refused is no claim, is told, and keeps nobody from leading', async () => {
  let reads = 0
  const { owner, faults } = await claim(() => {
    reads += 1
    return Promise.reject(failure(403))
  })
  expect({ owner, faults, reads }).toEqual({ owner: 'younger', faults: ['older: answered 403'], reads: 1 })
})

test('who has a route with a token keeps it while its Secret can not be read', async () => {
  const { owner } = await claim(() => Promise.reject(failure(500)), { older: TOKEN })
  expect(owner).toBe('older')
})

test('asked to end, it tries nothing again', async () => {
  const ending = new AbortController()
  let reads = 0
  const { faults } = await claim(
    () => {
      reads += 1
      ending.abort()
      return Promise.reject(failure(500, 3_600_000))
    },
    {},
    ending,
  )
  expect({ faults, reads }).toEqual({ faults: ['older: answered 500'], reads: 1 })
})
