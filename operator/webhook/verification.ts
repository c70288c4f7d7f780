import type { Verification } from '../../ingress/route.ts'
import { faultOf } from '../../ingress/verify/registry.ts'
import type { Result, Problem } from '../problem.ts'
import type { CheckInput } from './checks.ts'
import { parseGoDuration } from './quantities.ts'

const MINUTE_MS = 60_000

/**
 * The verification as the data plane takes it. Only for when every value that it refers to could be read: one
 * that could not is left out.
 */
export function compileVerification({ webhook, gathered }: CheckInput): Verification {
  const {
    type,
    tolerance,
    jwt,
    cloudEvents,
    code: _code,
    secrets: _secrets,
    replay: _replay,
    ...settings
  } = webhook.spec.verification
  if (type === 'None') return { type }
  const { code, secrets, publicKeys } = gathered.verification
  return {
    type,
    ...(code?.problem === undefined && code ? { code: code.value } : {}),
    ...(secrets ? { secrets: valuesOf(secrets) } : {}),
    toleranceMs: parseGoDuration(tolerance),
    ...settings,
    ...(jwt ? { jwt: compileJwt(jwt, publicKeys) } : {}),
    ...(cloudEvents
      ? {
          cloudEvents: {
            ...cloudEvents,
            allowedRate: cloudEvents.allowedRate ?? perMinute(webhook.spec.limits.rate),
          },
        }
      : {}),
  }
}

function compileJwt(
  {
    clockSkew,
    publicKeys: _publicKeys,
    ...rest
  }: NonNullable<CheckInput['webhook']['spec']['verification']['jwt']>,
  publicKeys: Result<string>[] | undefined,
): NonNullable<Verification['jwt']> {
  return {
    ...rest,
    clockSkewMs: parseGoDuration(clockSkew),
    ...(publicKeys ? { publicKeys: valuesOf(publicKeys) } : {}),
  }
}

const valuesOf = (outcomes: Result<string>[]): string[] =>
  outcomes.flatMap((outcome) => (outcome.problem === undefined ? [outcome.value] : []))

function perMinute({ requests, window }: CheckInput['webhook']['spec']['limits']['rate']): number {
  return Math.max(1, Math.floor((requests * MINUTE_MS) / parseGoDuration(window)))
}

/** A key or setting that the data plane could not use. Asked after the values are there. */
export function verificationProblem(input: CheckInput): Problem | undefined {
  const fault = faultOf(compileVerification(input))
  if (!fault) return undefined
  return { reason: 'InvalidSecret', message: fault.message, path: ['spec', 'verification', ...fault.path] }
}
