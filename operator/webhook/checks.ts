import type { Path } from '../../crds/fault.ts'
import type { ObjectMeta } from '../../crds/object.ts'
import type { Webhook } from '../../crds/types.gen.ts'
import type { Result, Problem } from '../problem.ts'
import { namespaceOf } from '../source.ts'
import type { GatheredWebhook } from './gather.ts'
import { compileResponse, MAX_BODY_BYTES } from './response.ts'
import { TOKEN_PATTERN } from '../tokens/token.ts'
import { verificationProblem } from './verification.ts'

export interface CheckInput {
  webhook: Webhook
  gathered: GatheredWebhook
  /** The Webhook that has the token. */
  tokenOwner?: { metadata: ObjectMeta }
}

type Check = (input: CheckInput) => Problem | undefined

/** In this order; the first that finds something decides. */
const CHECKS: readonly Check[] = [
  tokenIsUsable,
  tokenIsItsOwn,
  valuesAreThere,
  listedValuesAreNotBlank,
  verificationProblem,
  basicCanBeSent,
  bearerCanBeSent,
  headersAreDistinct,
  bodyFits,
]

/** The first thing that keeps the Webhook from being served. */
export function checkWebhook(input: CheckInput): Problem | undefined {
  for (const check of CHECKS) {
    const problem = check(input)
    if (problem) return problem
  }
  return undefined
}

function tokenIsUsable({ webhook, gathered: { token } }: CheckInput): Problem | undefined {
  if (token.problem) return token.problem
  if (TOKEN_PATTERN.test(token.value)) return undefined
  return {
    reason: 'InvalidToken',
    message: 'gives a URL token that is not 22 to 128 characters of A-Z, a-z, 0-9, - and _',
    path: webhook.spec.tokenFrom ? ['spec', 'tokenFrom', 'secretKeyRef'] : ['metadata', 'name'],
  }
}

function tokenIsItsOwn({ webhook, tokenOwner }: CheckInput): Problem | undefined {
  if (!tokenOwner || isSame(tokenOwner, webhook)) return undefined
  // Another tenant's names are not told.
  const local = namespaceOf(tokenOwner) === namespaceOf(webhook)
  const owner = local ? `the Webhook ${tokenOwner.metadata.name}` : 'a Webhook of another namespace'
  return {
    reason: 'DuplicateToken',
    message: `gives the URL token that ${owner} has already: choose another`,
    path: ['spec', 'tokenFrom', 'secretKeyRef'],
  }
}

const isSame = (a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): boolean =>
  namespaceOf(a) === namespaceOf(b) && a.metadata.name === b.metadata.name

function valuesAreThere({ gathered }: CheckInput): Problem | undefined {
  const { basic, bearer, verification } = gathered
  const outcomes = [
    basic?.username,
    basic?.password,
    ...(bearer ?? []),
    verification.code,
    ...(verification.secrets ?? []),
    ...(verification.publicKeys ?? []),
  ]
  return outcomes.find((outcome) => outcome?.problem)?.problem
}

/** A blank half of basic means the empty string; a blank token or secret would open the door. */
function listedValuesAreNotBlank({ gathered: { bearer, verification } }: CheckInput): Problem | undefined {
  const lists: [Path, Result<string>[]][] = [
    [['spec', 'auth', 'bearer', 'tokens'], bearer ?? []],
    [['spec', 'verification', 'secrets'], verification.secrets ?? []],
    [['spec', 'verification', 'jwt', 'publicKeys'], verification.publicKeys ?? []],
  ]
  if (verification.code) lists.push([['spec', 'verification', 'code'], [verification.code]])
  for (const [path, outcomes] of lists) {
    const index = outcomes.findIndex((outcome) => valueOf(outcome) === '')
    if (index >= 0) {
      const at = path.at(-1) === 'code' ? path : [...path, index]
      return { reason: 'EmptyValue', message: 'is empty: give it a value or remove it', path: at }
    }
  }
  return undefined
}

function basicCanBeSent({ gathered: { basic } }: CheckInput): Problem | undefined {
  const username = basic?.username && valueOf(basic.username)
  const path = ['spec', 'auth', 'basic']
  if (username?.includes(':')) {
    return {
      reason: 'InvalidCredentials',
      message: 'has a colon, with which a username ends in HTTP Basic authentication: remove it',
      path: [...path, 'username'],
    }
  }
  const password = basic?.password && valueOf(basic.password)
  // RFC 7617, 2: neither may hold control characters. Most often it is the line break that an editor added.
  const control = /\p{Cc}/u
  const half = control.test(username ?? '')
    ? 'username'
    : control.test(password ?? '')
      ? 'password'
      : undefined
  if (half === undefined) return undefined
  return {
    reason: 'InvalidCredentials',
    message: 'has a line break or another control character, which no caller can send: remove it',
    path: [...path, half],
  }
}

function bearerCanBeSent({ gathered: { bearer } }: CheckInput): Problem | undefined {
  const index = (bearer ?? []).findIndex((outcome) => !/^[!-+\--~]+$/.test(valueOf(outcome) ?? ''))
  if (index < 0) return undefined
  return {
    reason: 'InvalidCredentials',
    message:
      'has a space, comma, line break or non-ASCII character, which no caller can send in a bearer token: remove it',
    path: ['spec', 'auth', 'bearer', 'tokens', index],
  }
}

function headersAreDistinct({ webhook }: CheckInput): Problem | undefined {
  const seen = new Set<string>()
  for (const name of Object.keys(webhook.spec.response.headers)) {
    if (seen.has(name.toLowerCase())) {
      return {
        reason: 'InvalidResponse',
        message: 'is there twice, in upper and lower case: remove one',
        path: ['spec', 'response', 'headers', name],
      }
    }
    seen.add(name.toLowerCase())
  }
  return undefined
}

function bodyFits({ webhook }: CheckInput): Problem | undefined {
  if (Buffer.byteLength(compileResponse(webhook.spec).body) <= MAX_BODY_BYTES) return undefined
  return {
    reason: 'InvalidResponse',
    message: `is larger than ${MAX_BODY_BYTES / 1024} KiB: shorten it, or answer with a Workflow`,
    path: ['spec', 'response', 'body'],
  }
}

/** The value, where it could be read. */
export const valueOf = (outcome: Result<string>): string | undefined =>
  outcome.problem === undefined ? outcome.value : undefined
