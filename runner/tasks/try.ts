import type { Json } from '../../state/event.ts'
import { MAX_DURATION_MS } from '../duration.ts'
import { isSameType } from '../run/problem.ts'
import type { Problem } from '../run/problem.ts'
import type { ErrorFilter, RetryPlan, TryTask } from '../plan.ts'
import type { Step, TaskAtWork, TaskType } from './task.ts'

interface Attempts {
  [member: string]: Json
  phase: 'try' | 'catch'
  /** How many times the tasks have been tried again. */
  retries: number
  startedAt: number
  /** When the next attempt begins; 0: one is under way, or the first is about to begin. */
  nextAt: number
  /** The counts of effects before the first attempt: a repeated effect is the same effect. */
  visits: Record<string, number>
}

/**
 * Tries its tasks; an error that `catch` holds makes it try again as `retry` says, and when no retry is left,
 * run `catch.do`. Without `catch.do` the error rises after all when retries were to mend it; without these, too,
 * the task gives what it got.
 */
export const tryTask: TaskType<TryTask> = {
  lists: (task) => ({ try: task.try, catch: task.catch.do ?? [] }),
  async begin(at) {
    const { frame, clock, visits } = at
    if (frame.memory === null)
      frame.memory = {
        phase: 'try',
        retries: 0,
        startedAt: clock.now(),
        nextAt: 0,
        visits: visits.snapshot(),
      }
    const { nextAt } = frame.memory as Attempts
    return nextAt > clock.now() ? { kind: 'park', until: nextAt } : await attempt(at)
  },
  ended: (_at, output) => ({ kind: 'done', output }),
  async failed(at, error) {
    const { task, frame } = at
    const memory = frame.memory as Attempts
    // Over with the attempt: the pause before the next one has no limit of its own.
    delete frame.attemptDeadline
    if (memory.phase === 'catch' || !isSelected(error, task.catch.errors)) return undefined
    frame.variables = { [task.catch.as]: error }
    if (!(await isWanted(at, task.catch))) return undefined
    const delay = await nextDelay(at, task.catch.retry)
    if (delay === undefined) return recover(at)
    memory.retries += 1
    at.retrying()
    memory.nextAt = at.clock.now() + delay
    return delay > 0 ? { kind: 'park', until: memory.nextAt } : await attempt(at)
  },
}

async function attempt(at: TaskAtWork<TryTask>): Promise<Step> {
  const { task, frame, clock, visits } = at
  const memory = frame.memory as Attempts
  memory.nextAt = 0
  if (memory.retries > 0) visits.restore(memory.visits)
  const limit = task.catch.retry?.limit.attempt?.duration
  if (limit) frame.attemptDeadline = clock.now() + (await at.milliseconds(limit, frame.input))
  return { kind: 'list', list: 'try', input: frame.input }
}

function recover({ task, frame }: TaskAtWork<TryTask>): Step | undefined {
  const memory = frame.memory as Attempts
  if (!task.catch.do && task.catch.retry) return undefined
  memory.phase = 'catch'
  return task.catch.do
    ? { kind: 'list', list: 'catch', input: frame.input }
    : { kind: 'done', output: frame.input }
}

function isSelected(error: Problem, filter: ErrorFilter | undefined): boolean {
  return Object.entries(filter ?? {}).every(([member, wanted]) =>
    member === 'type' ? isSameType(error.type, String(wanted)) : error[member] === wanted,
  )
}

async function isWanted(
  at: TaskAtWork<TryTask>,
  { when, exceptWhen }: Pick<RetryPlan, 'when' | 'exceptWhen'>,
): Promise<boolean> {
  if (when && !(await at.holds(when, at.frame.input))) return false
  return !(exceptWhen && (await at.holds(exceptWhen, at.frame.input)))
}

/** Milliseconds to the next attempt; `undefined`: there is none. */
async function nextDelay(at: TaskAtWork<TryTask>, retry: RetryPlan | undefined): Promise<number | undefined> {
  const { frame, clock, random } = at
  const { retries, startedAt } = frame.memory as Attempts
  if (!retry || !(await isWanted(at, retry))) return undefined
  const { attempt, duration } = retry.limit
  if (attempt?.count !== undefined && retries >= attempt.count) return undefined
  const base = retry.delay ? await at.milliseconds(retry.delay, frame.input) : 0
  const factor = { constant: 1, linear: retries + 1, exponential: 2 ** retries }[retry.backoff]
  let delay = base * factor
  if (retry.jitter) {
    const from = await at.milliseconds(retry.jitter.from, frame.input)
    const to = await at.milliseconds(retry.jitter.to, frame.input)
    delay += from + random() * Math.max(0, to - from)
  }
  delay = Math.min(Math.round(delay), MAX_DURATION_MS)
  const limit = duration && (await at.milliseconds(duration, frame.input))
  return limit !== undefined && clock.now() + delay - startedAt > limit ? undefined : delay
}
