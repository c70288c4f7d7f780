/**
 * What an API server does with an object before it is stored: fills in defaults, refuses unknown fields and
 * wrong values, evaluates the CEL rules. It reads the very files that a cluster gets, so that `hooklet dev`
 * and `hooklet lint` judge as the cluster will.
 */
import { Ajv, type ValidateFunction } from 'ajv'
import { API_VERSION } from '../../crds/contract.ts'
import { didYouMean, type Fault } from '../../crds/fault.ts'
import type { ConfigMap, Secret } from '../../crds/object.ts'
import { CRD_FILES, readCrd, type Schema } from '../../crds/schema.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import { checkData, CORE_SCHEMAS, mergeStringData } from './core.ts'
import { checkMetadata } from './metadata.ts'
import { createRuleChecker, type RuleChecker } from './rules.ts'
import { dropNulls, isRecord, toJsonSchema } from './schema.ts'
import { toFaults } from './sentences.ts'

export type Resource = Webhook | Workflow | ConfigMap | Secret

/** The object with its defaults, or what is wrong with it, each fault once, in the order of the fields. */
export type Verdict = { object: Resource; faults: [] } | { object?: undefined; faults: Fault[] }

export interface Admission {
  /**
   * Judges an object; with `previous` (as admitted before) also what may not change. Leaves both as they are.
   */
  admit(object: unknown, previous?: Resource): Verdict
}

interface Kind {
  apiVersion: string
  schema: Schema
  validate: ValidateFunction
  rules: RuleChecker
}

/** More would not be read; a folder of garbage stays cheap. */
const MAX_FAULTS = 50

export function createAdmission(): Admission {
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    strictTypes: false,
    strictRequired: false,
  })
  const kinds = new Map<string, Kind>()
  const define = (kind: string, apiVersion: string, schema: Schema): void => {
    kinds.set(kind, {
      apiVersion,
      schema,
      validate: ajv.compile(toJsonSchema(schema)),
      rules: createRuleChecker(schema),
    })
  }
  for (const { kind, schema } of CRD_FILES.map(readCrd)) define(kind, API_VERSION, withOpenMetadata(schema))
  for (const [kind, schema] of Object.entries(CORE_SCHEMAS)) define(kind, 'v1', schema)
  return { admit: (object, previous) => admit(kinds, object, previous) }
}

/** Metadata is checked apart, as in an API server; the CRD may not describe it. */
function withOpenMetadata(schema: Schema): Schema {
  const metadata: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return { ...schema, properties: { ...schema.properties, metadata } }
}

function admit(kinds: Map<string, Kind>, input: unknown, previous: Resource | undefined): Verdict {
  if (!isRecord(input))
    return { faults: [{ path: [], message: 'must be an object with apiVersion, kind and metadata' }] }
  const kind = typeof input.kind === 'string' ? kinds.get(input.kind) : undefined
  if (!kind) return { faults: [unknownKind(input.kind, [...kinds.keys()])] }
  if (input.apiVersion !== kind.apiVersion) {
    return {
      faults: [{ path: ['apiVersion'], message: `must be ${kind.apiVersion} for a ${String(input.kind)}` }],
    }
  }

  // The status is not the author's to write; an API server ignores it, too.
  const { status: _, ...object } = structuredClone(input)
  dropNulls(kind.schema, object)
  const metadataFaults = checkMetadata(object.metadata)
  kind.validate(object)
  const schemaFaults = [...metadataFaults, ...toFaults(kind.validate.errors ?? [], kind.schema, object)]
  const ruleFaults = kind.rules.check(object, previous, schemaFaults)
  const faults = distinct([
    ...schemaFaults,
    ...ruleFaults,
    ...(kind.apiVersion === 'v1' ? checkData(object) : []),
  ])
  if (faults.length > 0) return { faults: faults.slice(0, MAX_FAULTS) }
  // The schema has just proven the shape.
  return { object: mergeStringData(object) as unknown as Resource, faults: [] }
}

function unknownKind(kind: unknown, known: string[]): Fault {
  if (kind === undefined) return { path: ['kind'], message: `is required: one of ${known.join(', ')}` }
  const meant = typeof kind === 'string' ? didYouMean(kind, known) : ''
  return { path: ['kind'], message: `must be one of ${known.join(', ')}${meant}` }
}

function distinct(faults: Fault[]): Fault[] {
  const seen = new Set<string>()
  return faults.filter(({ path, message }) => {
    const identity = JSON.stringify([path, message])
    if (seen.has(identity)) return false
    seen.add(identity)
    return true
  })
}
