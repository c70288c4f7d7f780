import { afterEach, expect, test } from '@jest/globals'
import type { Webhook } from '../../../crds/types.gen.ts'
import { createObjectCache } from '../../../operator/control/cache.ts'
import type { Control } from '../../../operator/control/control.ts'
import { createDependencies } from '../../../operator/control/dependencies.ts'
import { createFormerPlans } from '../../../operator/control/former-plans.ts'
import { createLeadership } from '../../../operator/control/leadership.ts'
import { createPublisher } from '../../../operator/control/publisher.ts'
import { createTokenClaims } from '../../../operator/tokens/token.ts'
import { stored } from '../golden.ts'

/** What the API server would answer, when a test that failed is over. */
const late = Promise.withResolvers<undefined>()
afterEach(() => late.resolve(undefined))

test('who leads no longer waits for no API server that does not answer', async () => {
  const asked = Promise.withResolvers<void>()
  const cache = createObjectCache({
    read() {
      asked.resolve()
      return late.promise
    },
    onResource: () => undefined,
    onTouched: () => undefined,
  })
  const [webhook] = stored(
    '{apiVersion: hooklet.dev/v1alpha1, kind: Webhook, metadata: {name: orders}, spec: {tokenFrom: {secretKeyRef: {name: door, key: token}}}}',
  )
  const metadata = { namespace: 'shop', resourceVersion: '1' }
  cache.sinks.webhooks.put({ ...(webhook as Webhook), metadata: { ...metadata, name: 'orders' } })
  cache.sinks.metadata.Secret.put({ metadata: { ...metadata, name: 'door' } })

  const reconciled: string[] = []
  const leadership = createLeadership({
    cache,
    publisher: createPublisher({
      namespace: 'system',
      onForeignChange: () => undefined,
      onPlan: () => undefined,
    }),
    formerPlans: createFormerPlans({ namespace: 'system', now: Date.now }),
    dependencies: createDependencies(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    identity: 'one',
    parallelism: 1,
    random: () => 0,
    now: Date.now,
    seeAll: () => Promise.resolve(),
    createControl: () => ({ claims: createTokenClaims<Webhook>() }) as Control,
    reconcile: (key) => Promise.resolve(void reconciled.push(key)),
  })
  const losing = new AbortController()
  const leading = leadership.lead(losing.signal)
  await asked.promise
  leadership.enqueue('Webhook/shop/orders')
  losing.abort()
  await leading
  expect(reconciled).toEqual([])
})
