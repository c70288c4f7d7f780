import { urlSecretName, WEBHOOK_LABEL } from '../../crds/contract.ts'
import type { Secret } from '../../crds/object.ts'
import type { ObjectSink } from '../../kube/follow.ts'
import { nameOf, type ObjectName } from '../source.ts'
import { createLatest } from './latest.ts'
import type { Removed } from './removed.ts'

/** The Secrets with the URLs of Webhooks, by Webhook. */
export interface UrlSecrets {
  /** For what a watch tells of Secrets with the label. */
  readonly sink: ObjectSink<Secret>
  of(webhook: ObjectName): Secret | undefined
  /** What the API server answered to a write of ours: no change to anybody. */
  take(webhook: ObjectName, secret: Secret): void
}

export function createUrlSecrets({
  removed,
  onChange,
}: {
  removed: Removed
  onChange(webhook: ObjectName): void
}): UrlSecrets {
  const secrets = createLatest<Secret>()
  /** By the names of the Secrets, as watches speak of them. */
  const webhooks = new Map<string, ObjectName>()

  return {
    sink: {
      put(secret) {
        const webhook = labelledWebhook(secret)
        // Anybody may put the label on a Secret of another name.
        if (secret.metadata.name !== urlSecretName(webhook.name)) return
        webhooks.set(keyOf(nameOf(secret)), webhook)
        if (secrets.set(keyOf(webhook), secret)) onChange(webhook)
      },
      remove(name) {
        const webhook = webhooks.get(keyOf(name))
        if (!webhook) return
        webhooks.delete(keyOf(name))
        const change = secrets.set(keyOf(webhook), undefined)
        removed.note(change?.before?.metadata.uid)
        if (change) onChange(webhook)
      },
    },
    of: (webhook) => secrets.get(keyOf(webhook)),
    take(webhook, secret) {
      webhooks.set(keyOf(nameOf(secret)), webhook)
      secrets.set(keyOf(webhook), secret)
    },
  }
}

const labelledWebhook = (secret: Secret): ObjectName => ({
  ...nameOf(secret),
  name: secret.metadata.labels?.[WEBHOOK_LABEL] ?? '',
})

const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`
