import type { Duration, RetryPlan } from '../../runner/plan.ts'
import { lookUp } from './definitions.ts'
import { readDuration } from './durations.ts'
import { readExpression, readInteger, readObject, type Field } from './field.ts'

const BACKOFFS = ['constant', 'linear', 'exponential'] as const
const MAX_ATTEMPTS = 1000

/** A retry policy, or the name of one in `use.retries`. */
export function readRetry(field: Field | undefined): RetryPlan | undefined {
  if (!field) return undefined
  if (typeof field.value === 'string') {
    const definition = lookUp(field, 'retries', field.value)
    return definition && readRetryPolicy(definition)
  }
  return readRetryPolicy(field)
}

export function readRetryPolicy(field: Field): RetryPlan | undefined {
  const fields = readObject(field, {
    optional: ['when', 'exceptWhen', 'delay', 'backoff', 'limit', 'jitter'],
  })
  if (!fields) return undefined
  const when = readExpression(fields.when)
  const exceptWhen = readExpression(fields.exceptWhen)
  const delay = readDuration(fields.delay)
  const jitter = readJitter(fields.jitter)
  return {
    ...(when ? { when } : {}),
    ...(exceptWhen ? { exceptWhen } : {}),
    ...(delay ? { delay } : {}),
    backoff: readBackoff(fields.backoff),
    ...(jitter ? { jitter } : {}),
    limit: readLimit(fields.limit),
  }
}

function readBackoff(field: Field | undefined): RetryPlan['backoff'] {
  if (!field) return 'constant'
  const fields = readObject(field, { optional: BACKOFFS }) ?? {}
  const given = BACKOFFS.filter((name) => fields[name])
  if (given.length !== 1) field.fault('must have exactly one of constant, linear and exponential')
  const [name = 'constant'] = given
  // The standard gives them no fields.
  const definition = fields[name]
  if (definition && definition.value !== null) readObject(definition, {})
  return name
}

function readJitter(field: Field | undefined): { from: Duration; to: Duration } | undefined {
  if (!field) return undefined
  const fields = readObject(field, { required: ['from', 'to'] })
  const from = readDuration(fields?.from)
  const to = readDuration(fields?.to)
  if (!from || !to) return undefined
  if ('ms' in from && 'ms' in to && from.ms > to.ms) return field.fault('must not have from longer than to')
  return { from, to }
}

function readLimit(field: Field | undefined): RetryPlan['limit'] {
  const fields = field && readObject(field, { optional: ['attempt', 'duration'] })
  if (!fields) return {}
  const attempt = fields.attempt && readObject(fields.attempt, { optional: ['count', 'duration'] })
  const count = readInteger(attempt?.count, 0, MAX_ATTEMPTS)
  const each = readDuration(attempt?.duration)
  const duration = readDuration(fields.duration)
  return {
    ...(attempt
      ? { attempt: { ...(count === undefined ? {} : { count }), ...(each ? { duration: each } : {}) } }
      : {}),
    ...(duration ? { duration } : {}),
  }
}
