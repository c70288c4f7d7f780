import { randomUUID } from 'node:crypto'
import { parse } from 'yaml'
import type { Workflow } from '../../../crds/types.gen.ts'
import { createAdmission } from '../../../cli/admission/admission.ts'
import { compileAll } from '../../../operator/compile.ts'
import { createSnapshot } from '../../../operator/source.ts'
import type { SourceObject } from '../../../operator/source.ts'
import { execute } from '../../../runner/engine/engine.ts'
import type { RunOutcome } from '../../../runner/engine/engine.ts'
import { Halted } from '../../../runner/run/run.ts'
import type { RunState } from '../../../runner/run/run-state.ts'
import { newRunState } from '../../../runner/event-runs.ts'
import { createExpressionPool } from '../../../runner/expression/pool.ts'
import type { Plan } from '../../../runner/plan.ts'
import type { RunInput } from '../../../runner/request/input.ts'
import { createSchemaPool } from '../../../runner/schema/schemas.ts'
import type { CallEvent, Json } from '../../../state/event.ts'
import type { ReplyMessage, SocketMessage } from '../../../state/state.ts'
import { createManualClock } from '../../support/manual-clock.ts'

export interface Trial {
  outcome: RunOutcome
  /** How long the run slept, in milliseconds, nap by nap. */
  naps: number[]
  replies: ReplyMessage[]
  /** What was sent to WebSockets; those whose id ends with `gone` are. */
  sent: { to: string; message: SocketMessage }[]
  /** How many checkpoints were stored, naps included. */
  checkpoints: number
  state: RunState
}

export interface TrialOptions {
  body?: Json
  reply?: NonNullable<CallEvent['reply']>
  socket?: NonNullable<CallEvent['socket']>
  /** Of the call; none by default. */
  headers?: Record<string, string>
  fetch?: typeof fetch
  random?: () => number
  /** The runner dies right after this checkpoint (1 is the first) and another one goes on from it. */
  dieAfter?: number
}

export interface Workbench {
  /** Compiles the manifests and runs the Workflow to its end, on a clock that jumps over naps. */
  run(manifests: string, options?: TrialOptions): Promise<Trial>
  close(): Promise<void>
}

export function createWorkbench(): Workbench {
  const expressions = createExpressionPool()
  const schemas = createSchemaPool()
  return {
    async run(manifests, options = {}) {
      const { body = null, reply, socket, headers = {} } = options
      const { fetch = globalThis.fetch, random = () => 0, dieAfter } = options
      const clock = createManualClock()
      const plan = await compilePlan(manifests, expressions)
      const event = {
        id: randomUUID(),
        headers,
        ...(reply ? { reply } : {}),
        ...(socket ? { socket } : {}),
      } as CallEvent
      const trial: Omit<Trial, 'outcome'> = {
        naps: [],
        replies: [],
        sent: [],
        checkpoints: 0,
        state: newRunState(plan, callOf(body), event, 1),
      }
      let stored = copy(trial.state)
      let halt = new AbortController()
      let dead = false
      const store = (state: RunState): boolean => {
        stored = copy(state)
        trial.checkpoints += 1
        if (trial.checkpoints === dieAfter && !dead) {
          dead = true
          halt.abort()
        }
        return true
      }
      for (;;) {
        try {
          const outcome = await execute({
            expressions,
            schemas,
            fetch,
            clock,
            random,
            plan,
            runId: `run-${event.id}`,
            runtime: {
              name: 'hooklet',
              version: 'test',
              metadata: {},
            },
            onFault: (error) => {
              throw error
            },
            state: trial.state,
            halt: halt.signal,
            save: (state) => Promise.resolve(store(state)),
            park: async (state, delayMs) => {
              trial.naps.push(delayMs)
              store(state)
              await clock.advance(delayMs)
              return true
            },
            send: (to, message) => {
              trial.sent.push({ to, message })
              return Promise.resolve(to.endsWith('gone') ? 'gone' : 'sent')
            },
            reply: (_, message) => Promise.resolve(trial.replies.push(message) === 1 ? 'first' : 'late'),
          })
          if (outcome.kind !== 'parked') return { outcome, ...trial }
        } catch (error) {
          if (!(error instanceof Halted)) throw error
        }
        halt = new AbortController()
        trial.state = copy(stored)
      }
    },
    async close() {
      await expressions.close()
      await schemas.close()
    },
  }
}

/** The plan of the one Workflow among the manifests. */
async function compilePlan(
  manifests: string,
  expressions: Parameters<typeof compileAll>[0]['expressions'],
): Promise<Plan> {
  const admission = createAdmission()
  const objects = manifests.split(/^---$/m).map((text): SourceObject => {
    const { object, faults } = admission.admit(parse(text))
    if (!object) throw new Error(JSON.stringify(faults))
    return object
  })
  const source = createSnapshot(objects, () => undefined)
  const [compiled] = (await compileAll({ source, expressions })).workflows
  if (!compiled?.plan)
    throw new Error(JSON.stringify([compiled?.faults, compiled?.unsupported, compiled?.problems]))
  return compiled.plan
}

/** A Workflow with these tasks (YAML, not indented), and more of its spec. */
export function workflow(tasks: string, spec = ''): string {
  const indent = (text: string, by: string): string => text.trim().replaceAll(/^/gm, by)
  return `
apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: {name: trial}
spec:
  triggers: [{webhook: hook}]
${indent(spec || 'suspend: false', '  ')}
  do:
${indent(tasks, '  ')}
`
}

export type { Workflow }

function callOf(body: Json): RunInput {
  return {
    id: 'event',
    time: '2026-01-01T00:00:00.000Z',
    type: 'http',
    webhook: { namespace: 'default', name: 'hook' },
    method: 'post',
    path: '/',
    query: {},
    headers: {},
    body,
    clientIP: '127.0.0.1',
  }
}

function copy(state: RunState): RunState {
  return JSON.parse(JSON.stringify(state)) as RunState
}
