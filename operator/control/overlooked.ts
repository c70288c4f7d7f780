import { isNotFound } from '../../kube/error.ts'
import type { ObjectName } from '../../kube/follow.ts'
import type { Resource } from './cache.ts'
import type { Control } from './control.ts'
import { getResource } from './resources.ts'

/**
 * The resource that something is published of, when nothing was heard of it: neither that it is there nor
 * that it went. Watches can be late; what is served must not go for that. What is found is known from then
 * on.
 */
export async function findOverlooked<Kind extends Resource['kind']>(
  kind: Kind,
  name: ObjectName,
  { api, cache, publisher }: Pick<Control, 'api' | 'cache' | 'publisher'>,
): Promise<Extract<Resource, { kind: Kind }> | undefined> {
  const uid = publisher.publishedUid(kind === 'Webhook' ? 'route' : 'plan', name)
  if (uid === undefined || cache.hasEnded(uid)) return undefined
  try {
    const found = await getResource<Extract<Resource, { kind: Kind }>>(kind, name, api)
    cache.take(found)
    return found
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
