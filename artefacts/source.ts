import { createApiServer } from '../kube/api-server.ts'
import { followArtefactSecrets } from './cluster.ts'
import { followArtefactFolder } from './folder.ts'
import type { ArtefactFollowing, ArtefactRef, ArtefactSink } from './artefact.ts'
import type { ArtefactKind } from './secret.ts'

export const NAMESPACE_MISSING =
  "HOOKLET_NAMESPACE is not set, and the kubeconfig's context names no namespace: set it to the namespace of the operator"

/** Where artefacts come from, as configured. */
export interface ArtefactSource {
  /** A folder; absent: an API server. */
  artefacts: string | undefined
  /** The operator's namespace; absent: the one that the kubeconfig or the pod names. */
  namespace: string | undefined
  /** Absent: found as kubectl does, or a pod's service account. */
  kubeconfig: string | undefined
}

export interface FollowOptions<Artefact> {
  kind: ArtefactKind
  sink: ArtefactSink<Artefact>
  /** Told of a file or Secret that is not taken, and why. */
  onFault(source: string, error: Error): void
  /** Told when the API server can't be read at the moment; following goes on. */
  onInterruption(error: Error): void
  userAgent: string
  /** Aborts the wait for the first complete reading. */
  signal: AbortSignal
}

/**
 * Fills the sink and keeps it in step until closed. Resolves when everything was read for the first time:
 * before, a process must not say that it is ready.
 */
export async function followArtefacts<Artefact extends ArtefactRef>(
  source: ArtefactSource,
  { userAgent, signal, ...options }: FollowOptions<Artefact>,
): Promise<ArtefactFollowing<Artefact>> {
  const { artefacts: folder, kubeconfig } = source
  if (folder !== undefined) return followArtefactFolder<Artefact>({ folder, ...options })
  const api = createApiServer({ userAgent, ...(kubeconfig === undefined ? {} : { kubeconfig }) })
  try {
    const namespace = source.namespace ?? api.namespace
    if (namespace === undefined) throw new Error(NAMESPACE_MISSING)
    const following = await followArtefactSecrets<Artefact>({ api, namespace, signal, ...options })
    return {
      read: (name) => following.read(name),
      readFormer: (ref) => following.readFormer(ref),
      async close() {
        await following.close()
        api.close()
      },
    }
  } catch (error) {
    api.close()
    throw error
  }
}
