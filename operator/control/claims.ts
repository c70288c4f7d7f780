import type { Webhook } from '../../crds/types.gen.ts'
import { readKey } from '../values/data.ts'
import type { TokenClaims } from '../webhook/token.ts'
import { nameOf, type ObjectCache } from './cache.ts'

/** How many Secrets with pinned tokens are read at the same time. */
const BATCH = 32

/** Notes who has which token before the first Webhook is compiled, so that no younger one gets an older one's for a moment. */
export async function claimTokens(cache: ObjectCache, claims: TokenClaims<Webhook>): Promise<void> {
  const claim = async (webhook: Webhook): Promise<void> => {
    const { namespace, name } = nameOf(webhook)
    const { secretKeyRef } = webhook.spec.tokenFrom ?? {}
    const token = secretKeyRef
      ? await pinnedToken(cache, namespace, secretKeyRef)
      : await cache.generatedToken(namespace, name)
    claims.claim(webhook, token)
  }
  const webhooks = [...cache.webhooks()]
  for (let start = 0; start < webhooks.length; start += BATCH)
    await Promise.all(webhooks.slice(start, start + BATCH).map(claim))
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
