import type { Webhook } from '../../crds/types.gen.ts'
import { readKey } from '../values/data.ts'
import { compareAge, type TokenClaims } from '../webhook/token.ts'
import { nameOf, type ObjectCache } from './cache.ts'

/** How many Secrets with pinned tokens are read at the same time. */
const BATCH = 32

/**
 * Notes who has which token before the first Webhook is compiled: those whose routes are published have them; what is left goes by age.
 */
export async function claimTokens(
  cache: ObjectCache,
  claims: TokenClaims<Webhook>,
  isPublished: (webhook: Webhook, token: string) => boolean,
): Promise<void> {
  const webhooks = [...cache.webhooks()].toSorted(compareAge)
  const later: [Webhook, string][] = []
  for (let start = 0; start < webhooks.length; start += BATCH) {
    const batch = webhooks.slice(start, start + BATCH)
    const tokens = await Promise.all(batch.map((webhook) => tokenOf(cache, webhook)))
    for (const [index, webhook] of batch.entries()) {
      const token = tokens[index]
      if (token === undefined) continue
      if (isPublished(webhook, token)) claims.claim(webhook, token)
      else later.push([webhook, token])
    }
  }
  for (const [webhook, token] of later) claims.claim(webhook, token)
}

function tokenOf(cache: ObjectCache, webhook: Webhook): Promise<string | undefined> {
  const { namespace, name } = nameOf(webhook)
  const { secretKeyRef } = webhook.spec.tokenFrom ?? {}
  return secretKeyRef ? pinnedToken(cache, namespace, secretKeyRef) : cache.generatedToken(namespace, name)
}

async function pinnedToken(
  cache: ObjectCache,
  namespace: string,
  { name, key }: { name: string; key: string },
): Promise<string | undefined> {
  const secret = await cache.secret(namespace, name)
  try {
    return secret && readKey(secret, key)
  } catch {
    // What is not UTF-8 is no token; compiling it says so.
    return undefined
  }
}
