import type { ArtefactKind } from '../../artefacts/secret.ts'
import { GROUP, VERSION } from '../../crds/contract.ts'
import { MERGE_PATCH, type ApiRequest, type ApiServer } from '../../kube/api-server.ts'
import { ApiError } from '../../kube/error.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { resourcePath, type ResourceType } from '../../kube/paths.ts'
import { nameOf } from '../source.ts'
import type { Resource } from './cache.ts'

export const WEBHOOKS: ResourceType = { group: GROUP, version: VERSION, plural: 'webhooks' }
export const WORKFLOWS: ResourceType = { group: GROUP, version: VERSION, plural: 'workflows' }

const TYPES: Record<Resource['kind'], ResourceType> = { Webhook: WEBHOOKS, Workflow: WORKFLOWS }

/** What work is queued by. */
export const keyOf = (kind: Resource['kind'], { namespace, name }: ObjectName): string =>
  `${kind}/${namespace}/${name}`

/** The key of the resource that an artefact was made from. */
export const sourceKeyOf = ({ kind, source }: { kind: ArtefactKind; source: ObjectName }): string =>
  keyOf(kind === 'route' ? 'Webhook' : 'Workflow', source)

export function nameIn(key: string): ObjectName & { kind: Resource['kind'] } {
  const [kind = '', namespace = '', name = ''] = key.split('/')
  return { kind: kind as Resource['kind'], namespace, name }
}

const named = (resource: Resource, subresource?: 'status'): string =>
  resourcePath(TYPES[resource.kind], {
    ...nameOf(resource),
    ...(subresource === undefined ? {} : { subresource }),
  })

/** As it is stored now. */
export function getResource<Found extends Resource>(
  kind: Resource['kind'],
  name: ObjectName,
  api: ApiServer,
): Promise<Found> {
  return api.send<Found>({ method: 'GET', path: resourcePath(TYPES[kind], { ...name }) })
}

/** Writes the finalizers; fails with a conflict when the resource has changed since it was read. */
export function patchFinalizers<Kind extends Resource>(
  resource: Kind,
  finalizers: string[],
  api: ApiServer,
): Promise<Kind> {
  const { uid, resourceVersion } = resource.metadata
  return api.send<Kind>({
    method: 'PATCH',
    path: named(resource),
    contentType: MERGE_PATCH,
    body: { metadata: { uid, resourceVersion, finalizers } },
  })
}

/** Fails with a conflict when the resource is another one of the same name by now. */
export function patchStatus<Kind extends Resource>(
  resource: Kind,
  status: object,
  api: ApiServer,
): Promise<Kind> {
  return api.send<Kind>({
    method: 'PATCH',
    path: named(resource, 'status'),
    contentType: MERGE_PATCH,
    body: { metadata: { uid: resource.metadata.uid }, status },
  })
}

/** Deletes this very resource, not another one of the same name. */
export function deleteResource(resource: Resource, api: ApiServer): Promise<unknown> {
  return api.send({
    method: 'DELETE',
    path: named(resource),
    body: { preconditions: { uid: resource.metadata.uid } },
  })
}

/** The same API server, where every request ends when the signal aborts. */
export function boundBy(api: ApiServer, signal: AbortSignal): ApiServer {
  const bound = (call: ApiRequest): ApiRequest => ({
    ...call,
    signal: call.signal ? AbortSignal.any([call.signal, signal]) : signal,
  })
  return { ...api, send: (call) => api.send(bound(call)), open: (call) => api.open(bound(call)) }
}

/** The API server would take it if it were smaller: a Secret holds at most 1 MiB. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 413 || (error.status >= 422 && /too (long|large)/i.test(error.message)))

/** What the API server does not allow here: a quota, a rule of admission, a right that is missing. */
export const isRefused = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 403 || error.status === 422)

/** What it says of a refusal, as the middle of a sentence. */
export const refusalOf = ({ message }: ApiError): string => `was refused: ${message.replace(/\.$/, '')}`
