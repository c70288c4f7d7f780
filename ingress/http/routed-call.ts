import type { ServedRoute } from '../routes/served.ts'
import { webhookFields } from '../routes/served.ts'
import type { Exchange } from './exchange.ts'
import type { Target } from './target.ts'

/** A call whose route is known. */
export interface RoutedCall {
  exchange: Exchange
  /** The target as received, in origin form. */
  url: string
  route: ServedRoute
  target: Target
  clientIP: string
  /** The throttle has counted it already, so that its other acts must not. */
  isCounted?: true
}

/** What every line of the log about a call tells. */
export function fieldsOf({ exchange, route }: Pick<RoutedCall, 'exchange' | 'route'>) {
  return { requestId: exchange.requestId, ...webhookFields(route) }
}
