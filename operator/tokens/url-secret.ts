/** The Secret NAME-webhook-url beside a Webhook: its token and URL, for whoever must know them. */
import { API_VERSION, urlSecretName, WEBHOOK_LABEL } from '../../crds/contract.ts'
import type { Secret } from '../../crds/object.ts'
import type { Webhook } from '../../crds/types.gen.ts'
import { namespaceOf } from '../source.ts'

interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
}

type OwnedSecret = Secret & { metadata: { ownerReferences?: OwnerReference[] } }

/** Where calls go. A Webhook of type WebSocket is called at ws or wss. */
export function webhookUrl(publicUrl: string, { spec }: Webhook, token: string): string {
  const base = spec.type === 'WebSocket' ? publicUrl.replace(/^http/, 'ws') : publicUrl
  return `${base.replace(/\/+$/, '')}/webhooks/${token}`
}

/** It goes when the Webhook goes: the cluster's garbage collection follows the owner reference. */
export function urlSecret(webhook: Webhook, { token, url }: { token: string; url: string }): OwnedSecret {
  const { name, uid = '' } = webhook.metadata
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: urlSecretName(name),
      namespace: namespaceOf(webhook),
      labels: { 'app.kubernetes.io/managed-by': 'hooklet', [WEBHOOK_LABEL]: name },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'Webhook', name, uid, controller: true }],
    },
    data: { token: encode(token), url: encode(url) },
  }
}

/**
 * Whose Secret it is: this Webhook's; that of a former one of the same name, which is about to be collected;
 * or that of someone else, to be left alone. One without an owner, but with our label, came back from a
 * backup and keeps the URL alive.
 */
export function standingOf(secret: Secret, webhook: Webhook): 'own' | 'former' | 'foreign' {
  const owners = (secret as OwnedSecret).metadata.ownerReferences ?? []
  if (owners.some(({ uid }) => uid === webhook.metadata.uid)) return 'own'
  if (!isLabelled(secret, webhook.metadata.name)) return 'foreign'
  return owners.length === 0 ? 'own' : 'former'
}

/** Whether it says what it should, so that nothing need be written. */
export function isUpToDate(secret: Secret, wanted: OwnedSecret): boolean {
  const [owner] = wanted.metadata.ownerReferences ?? []
  const owners = (secret as OwnedSecret).metadata.ownerReferences ?? []
  return (
    secret.data?.['token'] === wanted.data?.['token'] &&
    secret.data?.['url'] === wanted.data?.['url'] &&
    isLabelled(secret, owner?.name) &&
    owners.some(({ uid }) => uid === owner?.uid)
  )
}

const isLabelled = ({ metadata }: Secret, webhook: string | undefined): boolean =>
  metadata.labels?.[WEBHOOK_LABEL] === webhook

/** The token that it holds; undefined when it holds none. */
export function tokenIn(secret: Secret): string | undefined {
  const encoded = secret.data?.['token']
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8')
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
