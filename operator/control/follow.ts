import { FORMER_PLAN_LABEL } from '../../artefacts/former.ts'
import { artefactSelector } from '../../artefacts/secret.ts'
import { GLOBALS_LABEL, WEBHOOK_LABEL } from '../../crds/contract.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { followObjects, type Following } from '../../kube/follow.ts'
import { CONFIG_MAPS, resourcePath, SECRETS, type ResourceType } from '../../kube/paths.ts'
import type { Log } from '../../process/log.ts'
import type { ObjectCache } from './cache.ts'
import type { FormerPlans } from './former-plans.ts'
import type { Publisher } from './publisher.ts'
import { WEBHOOKS, WORKFLOWS } from './resources.ts'

export interface FollowClusterOptions {
  api: ApiServer
  log: Log
  random: () => number
  /** The operator's own. */
  namespace: string
  /** Empty: all. */
  watchNamespaces: readonly string[]
  /** Whether globals of the operator's namespace are followed, too. */
  sharedGlobals: boolean
  cache: ObjectCache
  publisher: Publisher
  formerPlans: FormerPlans
}

/**
 * Begins to fill the cache, and to tell the publisher what is there, with one watch for each resource type
 * and namespace.
 */
export function followCluster(options: FollowClusterOptions): Following[] {
  const { api, log, random, namespace, watchNamespaces, sharedGlobals, cache, publisher, formerPlans } =
    options
  const { sinks } = cache
  const common = (type: ResourceType, scope: string | undefined) => ({
    api,
    random,
    path: resourcePath(type, scope === undefined ? {} : { namespace: scope }),
    onFault: (error: Error) =>
      log.warn({ resource: type.plural, namespace: scope, err: error }, 'Following is interrupted'),
  })
  const scopes = watchNamespaces.length > 0 ? watchNamespaces : [undefined]
  const apart = sharedGlobals && watchNamespaces.length > 0 && !watchNamespaces.includes(namespace)
  const globalsScopes = apart ? [...scopes, namespace] : scopes
  const globals = { labelSelector: `${GLOBALS_LABEL}=true` }
  const urls = { labelSelector: WEBHOOK_LABEL }
  const metadataOnly = true
  return [
    followObjects({
      ...common(SECRETS, namespace),
      sink: publisher.sink,
      labelSelector: artefactSelector(),
    }),
    followObjects({
      ...common(SECRETS, namespace),
      sink: formerPlans.sink,
      labelSelector: FORMER_PLAN_LABEL,
      metadataOnly,
    }),
    ...scopes.flatMap((scope) => [
      followObjects({ ...common(WEBHOOKS, scope), sink: sinks.webhooks }),
      followObjects({ ...common(WORKFLOWS, scope), sink: sinks.workflows }),
      followObjects({ ...common(SECRETS, scope), sink: sinks.urlSecrets, ...urls }),
      followObjects({ ...common(SECRETS, scope), sink: sinks.metadata.Secret, metadataOnly }),
      followObjects({ ...common(CONFIG_MAPS, scope), sink: sinks.metadata.ConfigMap, metadataOnly }),
    ]),
    ...globalsScopes.flatMap((scope) => [
      followObjects({ ...common(CONFIG_MAPS, scope), sink: sinks.globals.ConfigMap, ...globals }),
      followObjects({ ...common(SECRETS, scope), sink: sinks.globals.Secret, ...globals }),
    ]),
  ]
}
