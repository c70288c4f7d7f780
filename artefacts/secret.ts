/**
 * Compiled artefacts on an API server: one Secret each, in the operator's namespace. The operator writes
 * them; ingress and runner list and watch those of their kind by {@link artefactSelector}. This file is the
 * contract between them.
 */
import { createHash } from 'node:crypto'
import type { ArtefactName, ArtefactRef } from './artefact.ts'

/** What is compiled: a Webhook to a route, a Workflow to a plan. */
export type ArtefactKind = 'route' | 'plan'

/** Its value is an {@link ArtefactKind}; what ingress and runner select by. */
export const ARTEFACT_LABEL = 'hooklet.dev/artefact'
/** The namespace and the name of the resource that it was made from. */
export const SOURCE_NAMESPACE_LABEL = 'hooklet.dev/source-namespace'
export const SOURCE_NAME_LABEL = 'hooklet.dev/source-name'
/** Hex SHA-256 of the content: an unchanged artefact is neither written nor read again. */
export const CONTENT_HASH_ANNOTATION = 'hooklet.dev/content-hash'
/** The `metadata.uid` and `metadata.generation` of the resource. */
export const SOURCE_UID_ANNOTATION = 'hooklet.dev/source-uid'
export const GENERATION_ANNOTATION = 'hooklet.dev/generation'

/** The key of `data` that holds the artefact as JSON. */
export const ARTEFACT_KEY = 'artefact.json'

/** The parts of a Secret that matter here. */
export interface ArtefactSecret {
  apiVersion: 'v1'
  kind: 'Secret'
  type?: string
  immutable?: boolean
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  /** Values in base64. */
  data?: Record<string, string>
}

/** The label selector of all artefacts of a kind, or of all. */
export function artefactSelector(kind?: ArtefactKind): string {
  return kind === undefined ? ARTEFACT_LABEL : `${ARTEFACT_LABEL}=${kind}`
}

/**
 * The Secret's name. Namespaces hold no dot, so that no two resources share one; 63 + 63 characters and the
 * kind fit well.
 */
export function artefactSecretName({ namespace, name }: ArtefactName, kind: ArtefactKind): string {
  return `${kind}.${namespace}.${name}`
}

/** The Secret that carries the artefact. `namespace` is the operator's. */
export function encodeArtefact(
  artefact: ArtefactRef,
  { kind, namespace }: { kind: ArtefactKind; namespace: string },
): ArtefactSecret {
  const content = JSON.stringify(artefact)
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: `hooklet.dev/${kind}`,
    metadata: {
      name: artefactSecretName(artefact, kind),
      namespace,
      labels: {
        'app.kubernetes.io/managed-by': 'hooklet',
        [ARTEFACT_LABEL]: kind,
        [SOURCE_NAMESPACE_LABEL]: artefact.namespace,
        [SOURCE_NAME_LABEL]: artefact.name,
      },
      annotations: {
        [CONTENT_HASH_ANNOTATION]: hashOf(Buffer.from(content)),
        [SOURCE_UID_ANNOTATION]: artefact.uid,
        [GENERATION_ANNOTATION]: String(artefact.generation),
      },
    },
    data: { [ARTEFACT_KEY]: Buffer.from(content).toString('base64') },
  }
}

/**
 * The artefact that a Secret carries; of the kind's form when its writer was the operator.
 * @throws {Error} with one sentence when it carries none of this kind, or one that was tampered with. The
 * content is not told: it holds secrets.
 */
export function decodeArtefact(secret: ArtefactSecret, kind: ArtefactKind): ArtefactRef {
  if (secret.metadata.labels?.[ARTEFACT_LABEL] !== kind) throw new Error(`is not labelled as a ${kind}`)
  const artefact = contentOf(secret)
  if (artefactSecretName(artefact, kind) !== secret.metadata.name)
    throw new Error('carries the artefact of another resource: whoever copied or renamed it must delete it')
  return artefact
}

/** The content, as the operator compiled it. Throws when somebody else has changed it. */
export function contentOf(secret: ArtefactSecret): ArtefactRef {
  const encoded = secret.data?.[ARTEFACT_KEY]
  if (encoded === undefined)
    throw new Error(
      `has no key ${ARTEFACT_KEY}: its content was taken away by someone else than the operator`,
    )
  const content = Buffer.from(encoded, 'base64')
  if (hashOf(content) !== statedHash(secret))
    throw new Error('was changed by someone else than the operator, which alone may write it')
  return JSON.parse(content.toString('utf8')) as ArtefactRef
}

/** The content's hash as the Secret states it. */
export function statedHash(secret: ArtefactSecret): string | undefined {
  return secret.metadata.annotations?.[CONTENT_HASH_ANNOTATION]
}

/** Whether the content is the one that the Secret states. */
export function isIntact(secret: ArtefactSecret): boolean {
  const encoded = secret.data?.[ARTEFACT_KEY]
  return encoded !== undefined && hashOf(Buffer.from(encoded, 'base64')) === statedHash(secret)
}

/** The resource that the Secret was made from; undefined when it does not say. */
export function sourceOf(secret: Pick<ArtefactSecret, 'metadata'>): ArtefactName | undefined {
  const { [SOURCE_NAMESPACE_LABEL]: namespace, [SOURCE_NAME_LABEL]: name } = secret.metadata.labels ?? {}
  return namespace === undefined || name === undefined ? undefined : { namespace, name }
}

const hashOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
