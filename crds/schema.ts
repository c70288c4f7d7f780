import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The part of a structural OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  description?: string
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  format?: string
  nullable?: boolean
  default?: unknown
  enum?: (string | number)[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  minProperties?: number
  maxProperties?: number
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}

/** A CustomResourceDefinition as far as it is read here. */
export interface Crd {
  kind: string
  plural: string
  shortNames: string[]
  group: string
  version: string
  columns: { name: string; description?: string; jsonPath: string; priority?: number }[]
  schema: Schema
}

interface CrdDocument {
  spec: {
    group: string
    names: { kind: string; plural: string; shortNames: string[] }
    versions: {
      name: string
      schema: { openAPIV3Schema: Schema }
      additionalPrinterColumns: Crd['columns']
    }[]
  }
}

/** The files that are the source of truth, in the order of the documentation. */
export const CRD_FILES: readonly URL[] = [
  new URL('./webhook.yaml', import.meta.url),
  new URL('./workflow.yaml', import.meta.url),
]

export function readCrd(file: URL): Crd {
  const { spec } = parse(readFileSync(file, 'utf8')) as CrdDocument
  const [version] = spec.versions
  if (!version) throw new Error(`${file.pathname} has no version`)
  return {
    kind: spec.names.kind,
    plural: spec.names.plural,
    shortNames: spec.names.shortNames,
    group: spec.group,
    version: version.name,
    columns: version.additionalPrinterColumns,
    schema: version.schema.openAPIV3Schema,
  }
}
