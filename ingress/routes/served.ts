import type { CallEvent } from '../../state/event.ts'
import type { Throttle } from '../../state/state.ts'
import { allowedContentType, allowedHeaders, headerOf } from './answer-headers.ts'
import { networkOf } from './client-network.ts'
import type { Cors } from './cors.ts'
import { prepareCors } from './cors.ts'
import type { Credentials } from './credentials.ts'
import { prepareCredentials } from './credentials.ts'
import type { Prepared } from './prepared.ts'
import { finalStatus, prepare, timeoutAnswer } from './prepared.ts'
import type { Route, RouteState } from '../route.ts'
import { prepareVerification } from '../verify/registry.ts'
import type { PreparedVerification, VerifierDeps } from '../verify/verifier.ts'
import { depsOfTenant, NOTHING_FETCHED } from '../verify/verifier.ts'
import { partitionOf } from './partition.ts'
import type { Share } from './shared.ts'

/** A {@link Route} with everything computed that does not depend on the call. */
export interface ServedRoute {
  /** As events carry it. */
  webhook: CallEvent['webhook']
  /** As events carry them, too. */
  workflows: CallEvent['workflows']
  type: Route['type']
  state: RouteState
  /** A longer path is another path. */
  exact: boolean
  credentials: Credentials | undefined
  /** Undefined: calls are not verified. */
  verification: PreparedVerification | undefined
  verificationType: string
  /** Undefined: a call that comes again is another call. */
  once: Route['once']
  /** Undefined: the answers say nothing to browsers. */
  cors: Cors | undefined
  /** The header that tells the rate, for every answer of the webhook: name and value. */
  policy: readonly string[]
  mode: Route['response']['mode']
  /** What mode Immediate answers. */
  answer: Prepared
  /** What an answer made of a workflow's output begins with. */
  output: { status: number; contentType: string; headers: readonly string[] }
  timeoutMs: number
  timeoutAnswer: Prepared
  /** Of type WebSocket. */
  webSocket: NonNullable<Route['webSocket']>
  merged: boolean
  payloadBytes: number
  /** Where throttle, lease and events of this webhook live together. */
  partition: number
  throttle: Throttle
  /** The window is one caller's: {@link throttleOf} completes its key with the address. */
  perClient: boolean
  /** The pool of places for waiting calls and WebSockets. */
  places: { key: string; limit: number }
}

/** What every line of the log about a webhook tells. */
export function webhookFields({ webhook: { namespace, name } }: Pick<ServedRoute, 'webhook'>) {
  return { namespace, webhook: name }
}

const PLAIN_WEB_SOCKET: ServedRoute['webSocket'] = {
  allowedOrigins: [],
  subprotocols: [],
  encoding: 'base64',
}

/** What a route answers, apart from the call: the same for many routes. */
export interface RouteAnswers extends Pick<ServedRoute, 'policy' | 'answer' | 'output' | 'timeoutAnswer'> {}

export interface RouteDeps {
  partitions: number
  verifiers?: VerifierDeps | undefined
  /** Makes one of equal ones, so that 100,000 routes that answer alike stay in the caches of the processor. */
  share?: Share<RouteAnswers> | undefined
}

/**
 * Throws on a route of another version, with malformed credentials, or with a verification that is unknown or
 * lacks usable keys.
 */
export function prepareRoute(
  route: Route,
  { partitions, verifiers = NOTHING_FETCHED, share = (_, make) => make() }: RouteDeps,
): ServedRoute {
  if (route.version !== 1)
    throw new TypeError(
      `is a route of version ${String(route.version)}, and this ingress reads version 1: upgrade the ingress, or compile by an operator of its version`,
    )
  const { namespace, name, response } = route
  const answers = share(JSON.stringify([response, route.limits.rate]), () => answersOf(route))
  const window = windowOf(route)
  return {
    webhook: { namespace, name },
    workflows: route.workflows,
    type: route.type,
    state: route.state,
    exact: route.path === 'Exact',
    credentials: prepareCredentials(route.auth),
    verification: prepareVerification(route.verification, depsOfTenant(verifiers, namespace)),
    verificationType: route.verification.type,
    once: route.once,
    cors: prepareCors(route.cors),
    policy: answers.policy,
    mode: response.mode,
    answer: answers.answer,
    output: answers.output,
    timeoutMs: response.timeoutMs,
    timeoutAnswer: answers.timeoutAnswer,
    webSocket: route.webSocket ?? PLAIN_WEB_SOCKET,
    merged: route.merged,
    payloadBytes: route.limits.payloadBytes,
    partition: partitionOf(window.name, partitions),
    throttle: window.throttle,
    perClient: window.perClient,
    places: { key: `${namespace}/${name}`, limit: route.limits.connections },
  }
}

function answersOf(route: Route): RouteAnswers {
  const { response } = route
  const status = finalStatus(response.statusCode)
  const contentType = allowedContentType(headerOf(response.headers, 'content-type') ?? '')
  const headers = allowedHeaders(response.headers)
  return {
    policy: policyOf(route),
    answer: prepare({ status, contentType, headers, body: response.body }),
    output: { status, contentType, headers },
    timeoutAnswer: timeoutAnswer(response.timeoutStatusCode),
  }
}

/**
 * The window that a route counts in. `per: ClientIP` is one window for each caller over all webhooks of the
 * namespace that have the same setting, so that these webhooks must share a partition: it is chosen by what
 * they have in common.
 */
function windowOf({ namespace, name, limits: { rate } }: Route) {
  const { requests, windowMs } = rate
  const perClient = rate.per === 'ClientIP'
  const window = perClient ? `client:${namespace}/${requests}/${windowMs}` : `webhook:${namespace}/${name}`
  return { name: window, perClient, throttle: { key: window, requests, windowMs } }
}

/**
 * `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers; a window that is no whole number of seconds
 * can't be told there.
 */
function policyOf({ limits: { rate } }: Route): string[] {
  const window = rate.windowMs % 1000 === 0 ? `;w=${rate.windowMs / 1000}` : ''
  return ['RateLimit-Policy', `"${policyName(rate.per)}";q=${rate.requests}${window}`]
}

const policyName = (per: Route['limits']['rate']['per']): string =>
  per === 'ClientIP' ? 'client' : 'webhook'

/** `RateLimit` of the same draft, for a call that found no room. */
export function exhausted(route: ServedRoute, seconds: number): string[] {
  return ['RateLimit', `"${policyName(route.perClient ? 'ClientIP' : 'Webhook')}";r=0;t=${seconds}`]
}

/** The window that counts a call from this address, or from its /64. */
export function throttleOf(route: ServedRoute, clientIP: string): Throttle {
  if (!route.perClient) return route.throttle
  const { key, requests, windowMs } = route.throttle
  return { key: `${key}/${networkOf(clientIP)}`, requests, windowMs }
}
