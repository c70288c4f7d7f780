import type { Fault } from '../../crds/fault.ts'
import type { Reason } from '../../crds/contract.ts'
import { compileAll } from '../../operator/compile.ts'
import type { Compilation } from '../../operator/compile.ts'
import { createSnapshot } from '../../operator/source.ts'
import type { ObjectName, PlanLookup } from '../../operator/source.ts'
import type { Expressions } from '../../runner/expression/expression.ts'
import type { PlacedFault } from './document.ts'
import { keyOf, placed } from './store.ts'
import type { StoredObject } from './store.ts'

/** Something to tell the author of a file. */
export interface Finding extends PlacedFault {
  /** A warning is about something that is not in the files, and may well be in the cluster. */
  severity: 'error' | 'warning'
}

const OUTSIDE: ReadonlySet<Reason> = new Set<Reason>(['NotFound', 'WebhookMissing'])

/** Compiles the objects of manifest files together and says what is wrong with them, where it stands. */
export async function compileObjects(
  objects: StoredObject[],
  deps: {
    expressions: Expressions
    tokenOf: (webhook: ObjectName) => string
    /** The namespace whose globals apply to all; none when left out. */
    sharedGlobals?: string | undefined
    /** The plan that is served for a Workflow with a fault. */
    keptPlan?: PlanLookup
  },
): Promise<Compilation & { findings: Finding[] }> {
  const source = createSnapshot(
    objects.map(({ object }) => object),
    deps.tokenOf,
  )
  const { expressions, sharedGlobals } = deps
  const shared = sharedGlobals === undefined ? {} : { sharedNamespace: sharedGlobals }
  const kept = deps.keptPlan ? { keptPlan: deps.keptPlan } : {}
  const compilation = await compileAll({ source, expressions, ...shared, ...kept })
  const documents = new Map(objects.map(({ object, document }) => [keyOf(object), document]))
  const find = (object: StoredObject['object'], fault: Fault & { reason?: Reason }): Finding[] => {
    const document = documents.get(keyOf(object))
    const severity = fault.reason !== undefined && OUTSIDE.has(fault.reason) ? 'warning' : 'error'
    return document ? [{ severity, ...placed(document, fault) }] : []
  }
  const findings = [
    ...compilation.webhooks.flatMap(({ webhook, problem }) => (problem ? find(webhook, problem) : [])),
    ...compilation.workflows.flatMap(({ workflow, faults, unsupported, problems }) =>
      [...faults, ...unsupported, ...problems].flatMap((fault) => find(workflow, fault)),
    ),
  ]
  return { ...compilation, findings }
}
