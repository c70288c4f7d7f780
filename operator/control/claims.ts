import type { Webhook } from '../../crds/types.gen.ts'
import { pause } from '../../kube/backoff.ts'
import { ApiError } from '../../kube/error.ts'
import { readKey } from '../values/data.ts'
import { nameOf } from '../source.ts'
import { compareAge, type TokenClaims } from '../tokens/token.ts'
import type { ObjectCache } from './cache.ts'

/** How many Secrets with pinned tokens are read at the same time. */
const BATCH = 32
/**
 * How often one that can't be read is tried; then it is left out, for no Secret may keep all others waiting.
 */
const TRIES = 3
const PAUSE_MS = 500
/** Whoever asks for a longer pause gets none. */
const MOST_MS = 5_000

export interface ClaimTokensDeps {
  cache: ObjectCache
  claims: TokenClaims<Webhook>
  /** The token of the route that is published of this Webhook. */
  publishedToken(webhook: Webhook): string | undefined
  /** Told of what can't be read. */
  onFault(webhook: Webhook, error: Error): void
  /** Ends it, with claims left out: who asks for that has no use for them any more. */
  signal: AbortSignal
}

/**
 * Notes who has which token before the first Webhook is compiled: those whose routes are published have them;
 * what is left goes by age. Never rejects: who has a pinned token that can't be read keeps that of its route,
 * if it has one, and else claims none until it is compiled.
 */
export async function claimTokens({
  cache,
  claims,
  publishedToken,
  onFault,
  signal,
}: ClaimTokensDeps): Promise<void> {
  const webhooks = [...cache.webhooks()].toSorted(compareAge)
  const later: [Webhook, string][] = []
  for (let start = 0; start < webhooks.length; start += BATCH) {
    if (signal.aborted) return
    const batch = webhooks.slice(start, start + BATCH)
    const tokens = await Promise.all(
      batch.map((webhook) =>
        tokenOf(cache, webhook, signal).catch((error: unknown) => {
          onFault(webhook, error as Error)
          return publishedToken(webhook)
        }),
      ),
    )
    for (const [index, webhook] of batch.entries()) {
      const token = tokens[index]
      if (token === undefined) continue
      if (publishedToken(webhook) === token) claims.claim(webhook, token)
      else later.push([webhook, token])
    }
  }
  for (const [webhook, token] of later) claims.claim(webhook, token)
}

async function tokenOf(
  cache: ObjectCache,
  webhook: Webhook,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = nameOf(webhook)
  const { secretKeyRef } = webhook.spec.tokenFrom ?? {}
  if (!secretKeyRef) return cache.generatedToken(name)
  const { key } = secretKeyRef
  const secret = await tried(() => cache.secret({ ...name, name: secretKeyRef.name }), signal)
  try {
    return secret && readKey(secret, key)
  } catch {
    // What is not UTF-8 is no token; compiling it says so.
    return undefined
  }
}

/** Tries again what may go better the next time. */
async function tried<Result>(act: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      const isRefused =
        error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429
      if (isRefused || attempt === TRIES || signal.aborted) throw error
      const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
      await pause(Math.min(MOST_MS, Math.max(asked, PAUSE_MS * attempt)), signal)
    }
  }
}
