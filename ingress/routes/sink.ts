import type { Route } from '../route.ts'
import type { RouteName, RouteTable } from './table.ts'

/** Takes routes in any order. */
export interface RouteSink {
  /** Throws when the route can't be served, or not yet: its token may still be another webhook's. */
  put(route: Route): void
  remove(name: RouteName): void
}

/**
 * Feeds the table. A route whose token is held by another waits until it is free: a source that was away can
 * tell of the new holder before it tells of the end of the old one.
 */
export function createRouteSink(table: RouteTable): RouteSink {
  const waiting = new Map<string, Route>()
  const admitWaiting = (): void => {
    // Those of now: one that goes on waiting comes in again at the end.
    for (const route of Array.from(waiting.values())) {
      waiting.delete(keyOf(route))
      if (!table.put(route)) waiting.set(keyOf(route), route)
    }
  }
  return {
    put(route) {
      waiting.delete(keyOf(route))
      if (!table.put(route)) {
        waiting.set(keyOf(route), route)
        throw new Error('waits for its token, which another webhook holds')
      }
      admitWaiting()
    },
    remove(name) {
      waiting.delete(keyOf(name))
      table.remove(name)
      admitWaiting()
    },
  }
}

const keyOf = ({ namespace, name }: RouteName): string => `${namespace}/${name}`
