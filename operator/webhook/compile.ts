import { hash } from 'node:crypto'
import type { WebhookSpec } from '../../crds/types.gen.ts'
import type { Route, RouteState } from '../../ingress/route.ts'
import type { Problem } from '../problem.ts'
import { namespaceOf } from '../source.ts'
import { valueOf, type CheckInput } from './checks.ts'
import { parseBytes, parseGoDuration } from './quantities.ts'
import { compileResponse } from './response.ts'
import { compileVerification } from './verification.ts'

/** Reasons for which no route can exist: there is no token to find it by, or the token is another's. */
const WITHOUT_ROUTE: ReadonlySet<Problem['reason']> = new Set([
  'TokenMissing',
  'InvalidToken',
  'DuplicateToken',
])

/**
 * The Webhook as the data plane serves it. With a problem its route answers 503: it is never served with less
 * protection than the spec asks for. Undefined when it can't have a route at all.
 */
export function compileRoute(input: CheckInput, problem: Problem | undefined): Route | undefined {
  const { webhook, gathered } = input
  const { metadata, spec } = webhook
  const token = valueOf(gathered.token)
  if (token === undefined || (problem && WITHOUT_ROUTE.has(problem.reason))) return undefined
  // A route that is closed lets nobody in even if its state were overlooked.
  const auth = problem ? NOBODY : compileAuth(gathered)
  return {
    version: 1,
    namespace: namespaceOf(webhook),
    name: metadata.name,
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 1,
    token,
    type: spec.type,
    path: spec.path,
    state: stateOf(input, problem),
    workflows: compileWorkflows(gathered),
    ...(auth ? { auth } : {}),
    // Of a closed route nothing is needed, and the keys may be what is wrong with it.
    verification: problem ? { type: 'None' } : compileVerification(input),
    response: compileResponse(spec),
    ...(spec.type === 'WebSocket' ? { webSocket: compileWebSocket(spec) } : {}),
    ...compileOnce(spec),
    ...(spec.cors ? { cors: compileCors(spec.cors) } : {}),
    merged: spec.input === 'Merged',
    limits: {
      rate: {
        requests: spec.limits.rate.requests,
        windowMs: parseGoDuration(spec.limits.rate.window),
        per: spec.limits.rate.per,
      },
      connections: spec.limits.connections,
      payloadBytes: parseBytes(spec.limits.payload),
    },
  }
}

function compileWorkflows({ workflows }: CheckInput['gathered']): NonNullable<Route['workflows']> {
  return workflows.flatMap(({ name, suspended, plan }) =>
    plan && !suspended ? [{ name, uid: plan.uid, generation: plan.generation }] : [],
  )
}

function compileWebSocket({ webSocket }: CheckInput['webhook']['spec']): NonNullable<Route['webSocket']> {
  return {
    allowedOrigins: (webSocket?.allowedOrigins ?? []).map(originOf),
    subprotocols: webSocket?.subprotocols ?? [],
    encoding: ENCODINGS[webSocket?.encoding ?? 'Base64'],
  }
}

const ENCODINGS = { Base64: 'base64', Hex: 'hex', UTF8: 'utf8' } as const

/** `verification.replay` and `idempotency` are one thing to the data plane; a CEL rule keeps them apart. */
function compileOnce({ verification: { replay }, idempotency }: WebhookSpec): Pick<Route, 'once'> {
  if (idempotency) {
    const { header, required, ttl } = idempotency
    const name = header.toLowerCase()
    return { once: { by: 'Header', header: name, required, sameRequest: true, ttlMs: parseGoDuration(ttl) } }
  }
  if (!replay) return {}
  const name = replay.header === undefined ? {} : { header: replay.header.toLowerCase() }
  const by = replay.key === 'Header' ? 'Header' : 'Delivery'
  // Without an id nothing could tell that a call comes again.
  return { once: { by, ...name, required: true, sameRequest: false, ttlMs: parseGoDuration(replay.ttl) } }
}

function compileCors({
  origins,
  methods,
  headers,
}: NonNullable<WebhookSpec['cors']>): NonNullable<Route['cors']> {
  return { origins: origins.map(originOf), methods: methods.map((method) => method.toUpperCase()), headers }
}

/**
 * As browsers write it in the header Origin (RFC 6454, 6.1): in lower case, without a port that is the
 * scheme's own. `*` stays.
 */
const originOf = (text: string): string => URL.parse(text)?.origin ?? text

function stateOf({ webhook, gathered }: CheckInput, problem: Problem | undefined): RouteState {
  // A suspended webhook reads no call and starts nothing, so that nothing it lacks matters.
  if (webhook.spec.suspend) return 'Suspended'
  if (problem) return 'Unavailable'
  return isPaused(gathered) ? 'Paused' : 'Active'
}

/** Whether it has Workflows and all of them are suspended. */
export function isPaused({ workflows }: CheckInput['gathered']): boolean {
  return workflows.length > 0 && workflows.every(({ suspended }) => suspended)
}

/** Credentials are asked for, and none pass. */
const NOBODY: Route['auth'] = { bearer: [] }

/** Digests only: the plain values stay out of the data plane. */
function compileAuth(gathered: CheckInput['gathered']): Route['auth'] {
  const auth: NonNullable<Route['auth']> = {}
  const { basic, bearer } = gathered
  if (basic && asksForBasic(gathered)) {
    const half = (outcome: typeof basic.username): string => (outcome && valueOf(outcome)) ?? ''
    auth.basic = hash('sha256', `${half(basic.username)}:${half(basic.password)}`, 'hex')
  }
  if (bearer)
    auth.bearer = bearer
      .flatMap((outcome) => valueOf(outcome) || [])
      .map((token) => hash('sha256', token, 'hex'))
  return auth.basic === undefined && auth.bearer === undefined ? undefined : auth
}

/**
 * Both halves blank, and written so: no credentials are asked for. A half that could not be read is not
 * blank.
 */
export function asksForBasic({ basic }: CheckInput['gathered']): boolean {
  return [basic?.username, basic?.password].some(
    (outcome) => outcome !== undefined && valueOf(outcome) !== '',
  )
}
