/** A type of Kubernetes resource as its URL paths name it. */
export interface ResourceType {
  /** Empty for the core group. */
  group: string
  version: string
  plural: string
}

export const SECRETS: ResourceType = { group: '', version: 'v1', plural: 'secrets' }
export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', plural: 'configmaps' }
export const EVENTS: ResourceType = { group: 'events.k8s.io', version: 'v1', plural: 'events' }
export const LEASES: ResourceType = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }

/** The path of one object, of the objects of a namespace or, without a namespace, of all of them. */
export function resourcePath(
  { group, version, plural }: ResourceType,
  at: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  const parts = group === '' ? ['api', version] : ['apis', group, version]
  if (at.namespace !== undefined) parts.push('namespaces', at.namespace)
  parts.push(plural)
  if (at.name !== undefined) parts.push(at.name)
  if (at.subresource !== undefined) parts.push(at.subresource)
  return `/${parts.map(encodeURIComponent).join('/')}`
}
