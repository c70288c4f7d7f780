import type { ApiServer } from '../kube/api-server.ts'
import { followObjects } from '../kube/follow.ts'
import type { ApiObject } from '../kube/follow.ts'
import { resourcePath, SECRETS } from '../kube/paths.ts'
import type { ArtefactFollowing, ArtefactName, ArtefactRef, ArtefactSink } from './artefact.ts'
import { decodeFormerPlan, formerPlanName } from './former.ts'
import { artefactSecretName, artefactSelector, decodeArtefact, statedHash } from './secret.ts'
import type { ArtefactKind, ArtefactSecret } from './secret.ts'

export interface ArtefactClusterOptions<Artefact> {
  api: ApiServer
  /** The operator's. */
  namespace: string
  kind: ArtefactKind
  sink: ArtefactSink<Artefact>
  /** Told of a Secret that is not taken, and why. */
  onFault(secret: string, error: Error): void
  /** Told of each list or watch that failed; following goes on. */
  onInterruption(error: Error): void
  /** Aborts the wait for the first list. */
  signal?: AbortSignal
}

/**
 * Fills the sink from the artefacts' Secrets and keeps it in step. Resolves after the first complete list,
 * however long the API server is away; rejects with the signal's reason when that aborts before. What is in
 * the sink stays there while the API server is away.
 */
export async function followArtefactSecrets<Artefact extends ArtefactRef>(
  options: ArtefactClusterOptions<Artefact>,
): Promise<ArtefactFollowing<Artefact>> {
  const { api, namespace, kind, sink, onFault, onInterruption, signal } = options
  /**
   * By the Secret's name: the content and whose it is. Its name alone would do, but for those that were
   * tampered with.
   */
  const known = new Map<string, { hash: string | undefined; artefact?: ArtefactName }>()

  const put = (secret: ApiObject & ArtefactSecret): void => {
    const { name } = secret.metadata
    const before = known.get(name)
    const hash = statedHash(secret)
    if (before && before.hash === hash) return
    // A fault is told once, not with each change of something else in the Secret.
    known.set(name, { ...before, hash })
    try {
      const artefact = decodeArtefact(secret, kind) as Artefact
      known.set(name, { hash, artefact: { namespace: artefact.namespace, name: artefact.name } })
      sink.put(artefact)
    } catch (error) {
      onFault(name, error as Error)
    }
  }

  /**
   * A list of one, so that the right to list, without which nobody follows, is enough. Without a
   * resourceVersion the API server answers with what is stored now, not with what it has cached.
   */
  const findSecret = async (name: string): Promise<ArtefactSecret | undefined> => {
    const { items } = await api.send<{ items: ArtefactSecret[] | null }>({
      method: 'GET',
      path: resourcePath(SECRETS, { namespace }),
      query: { fieldSelector: `metadata.name=${name}` },
    })
    return items?.[0]
  }

  const following = followObjects<ApiObject & ArtefactSecret>({
    api,
    path: resourcePath(SECRETS, { namespace }),
    labelSelector: artefactSelector(kind),
    sink: {
      put,
      remove({ name }) {
        const artefact = known.get(name)?.artefact
        known.delete(name)
        if (artefact) sink.remove(artefact)
      },
    },
    onFault: onInterruption,
  })
  const stop = (): void => void following.close()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  try {
    await following.synced
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  return {
    async read(name) {
      const secret = await findSecret(artefactSecretName(name, kind))
      return secret && (decodeArtefact(secret, kind) as Artefact)
    },
    async readFormer(ref) {
      const secret = await findSecret(formerPlanName(ref))
      return secret && (decodeFormerPlan(secret) as Artefact)
    },
    close: () => following.close(),
  }
}
