import type { Route } from '../route.ts'
import type { VerifierDeps } from '../verify/verifier.ts'
import { DEFAULT_PARTITIONS } from './partition.ts'
import type { RouteAnswers, ServedRoute } from './served.ts'
import { prepareRoute } from './served.ts'
import { createShare } from './shared.ts'

/** Names a webhook among all. */
export type RouteName = Pick<Route, 'namespace' | 'name'>

/**
 * The routes that are served now. Looking one up costs the same however many there are, and so does a change.
 */
export interface RouteTable {
  find(token: string): ServedRoute | undefined
  /**
   * Serves the route from now on, in place of the webhook's former one. False, and nothing changes, when
   * another webhook holds its token. Throws on a route that can't be served, and keeps the former one.
   */
  put(route: Route): boolean
  /** False: there was none. */
  remove(name: RouteName): boolean
  /**
   * Calls back when the route of a webhook is another one; with undefined when it is removed, or has another
   * token, so that whoever came by the former one came by a URL that is no more. The result ends it.
   */
  watch(listener: RouteListener): () => void
  readonly size: number
}

export type RouteListener = (name: RouteName, route: ServedRoute | undefined) => void

export interface RouteTableOptions {
  /** Into how many partitions the shared state is divided. All processes that share one must agree. */
  partitions?: number
  /** What verifiers need besides their keys; left out, those that must fetch something can verify nothing. */
  verifiers?: VerifierDeps
}

export function createRouteTable({
  partitions = DEFAULT_PARTITIONS,
  verifiers,
}: RouteTableOptions = {}): RouteTable {
  const byToken = new Map<string, ServedRoute>()
  const tokens = new Map<string, string>()
  const listeners = new Set<RouteListener>()
  const share = createShare<RouteAnswers>()

  function tell(name: RouteName, route: ServedRoute | undefined): void {
    for (const listener of listeners) listener(name, route)
  }

  return {
    find: (token) => byToken.get(token),

    put(route) {
      const key = keyOf(route)
      const holder = byToken.get(route.token)
      if (holder !== undefined && keyOf(holder.webhook) !== key) return false
      const served = prepareRoute(route, { partitions, verifiers, share })
      const former = tokens.get(key)
      if (former !== undefined && former !== route.token) byToken.delete(former)
      byToken.set(route.token, served)
      tokens.set(key, route.token)
      if (former !== undefined) tell(route, former === route.token ? served : undefined)
      return true
    },

    remove(name) {
      const key = keyOf(name)
      const token = tokens.get(key)
      if (token === undefined) return false
      byToken.delete(token)
      tokens.delete(key)
      tell(name, undefined)
      return true
    },

    watch(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },

    get size() {
      return byToken.size
    },
  }
}

function keyOf({ namespace, name }: RouteName): string {
  return `${namespace}/${name}`
}
