import type { ConditionDraft, Reason, WebhookConditionType } from '../../crds/contract.ts'
import { formatPath } from '../../crds/fault.ts'
import type { Problem } from '../problem.ts'
import type { CheckInput } from './checks.ts'
import { asksForBasic, isPaused } from './compile.ts'
import { verifierOf } from './registry.ts'

type Draft = ConditionDraft<WebhookConditionType>

export function webhookConditions(input: CheckInput, problem: Problem | undefined): Draft[] {
  return [readyCondition(input, problem), protectedCondition(input), acceptedCondition(problem)]
}

/** The conditions of a Webhook that was compiled and then could not be put in place. */
export function withProblem(conditions: Draft[], problem: Problem): Draft[] {
  const { reason } = problem
  const failed = { status: 'False', reason, message: sentence(problem) } as const
  return conditions.map((draft) => (draft.type === 'Protected' ? draft : { ...draft, ...failed }))
}

const ready = (reason: Reason, message: string): Draft => ({ type: 'Ready', status: 'True', reason, message })

function readyCondition(input: CheckInput, problem: Problem | undefined): Draft {
  if (problem) return { type: 'Ready', status: 'False', reason: problem.reason, message: sentence(problem) }
  if (input.webhook.spec.suspend)
    return ready('Suspended', 'Calls are answered and start nothing: spec.suspend is true.')
  if (isPaused(input.gathered))
    return ready('Paused', 'Callers are told that it is paused: all its Workflows are suspended.')
  const { workflows } = input.gathered
  if (workflows.length === 0)
    return ready('Serving', 'Calls are accepted, but start nothing: no Workflow has a trigger on it.')
  return ready('Serving', `Calls start ${workflows.map(({ name }) => name).join(', ')}.`)
}

function protectedCondition({ webhook, gathered }: CheckInput): Draft {
  const { verification, auth } = webhook.spec
  if (auth?.bearer || asksForBasic(gathered)) {
    return {
      type: 'Protected',
      status: 'True',
      reason: 'Credentials',
      message: 'Calls must show credentials.',
    }
  }
  const { type, secrets } = verification
  if (verifierOf(type)?.proves({ type, ...(secrets ? { secrets: [] } : {}) })) {
    const message = `Calls must pass the verification ${type}.`
    return { type: 'Protected', status: 'True', reason: 'Verification', message }
  }
  return {
    type: 'Protected',
    status: 'False',
    reason: 'OpenToAnyone',
    message: 'Anyone who knows the URL may call: set auth, or a verification with secrets.',
  }
}

function acceptedCondition(problem: Problem | undefined): Draft {
  if (problem)
    return { type: 'Accepted', status: 'False', reason: problem.reason, message: sentence(problem) }
  return {
    type: 'Accepted',
    status: 'True',
    reason: 'Compiled',
    message: 'The spec and all it refers to are in use.',
  }
}

const sentence = ({ path, message }: Problem): string => `${formatPath(path)}: ${message}.`
