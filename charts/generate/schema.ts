import type { Value } from './values.ts'

/**
 * What several values have in common; pieces of Kubernetes' own types, which the API server checks further.
 */
const DEFINITIONS = {
  resources: {
    type: 'object',
    properties: { requests: { type: 'object' }, limits: { type: 'object' }, claims: { type: 'array' } },
    additionalProperties: false,
  },
  nodeSelector: { type: 'object', additionalProperties: { type: 'string' } },
  tolerations: { type: 'array', items: { type: 'object' } },
  affinity: {
    type: 'object',
    properties: {
      nodeAffinity: { type: 'object' },
      podAffinity: { type: 'object' },
      podAntiAffinity: { type: 'object' },
    },
    additionalProperties: false,
  },
  topologySpreadConstraints: {
    type: 'array',
    items: { type: 'object', required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] },
  },
  behavior: {
    type: 'object',
    properties: { scaleUp: { type: 'object' }, scaleDown: { type: 'object' } },
    additionalProperties: false,
  },
  rollingUpdate: {
    type: 'object',
    properties: {
      maxUnavailable: { type: ['integer', 'string'] },
      maxSurge: { type: ['integer', 'string'] },
    },
    additionalProperties: false,
  },
  extraVolumes: { type: 'array', items: { type: 'object', required: ['name'] } },
  extraVolumeMounts: { type: 'array', items: { type: 'object', required: ['name', 'mountPath'] } },
  podAnnotations: { type: 'object', additionalProperties: { type: 'string' } },
  podLabels: { type: 'object', additionalProperties: { type: 'string' } },
  env: {
    type: 'array',
    items: { type: 'object', properties: { name: { type: 'string', minLength: 1 } }, required: ['name'] },
  },
}

/**
 * What a chart is given that is part of another: values of the parent for all of its parts, and the condition
 * of its dependency.
 */
const AS_PART_OF_ANOTHER = {
  global: {
    type: 'object',
    properties: {
      imageRegistry: { type: ['string', 'null'] },
      imagePullSecrets: { type: ['array', 'null'], items: { type: ['object', 'string'] } },
    },
  },
  enabled: { type: 'boolean' },
}

/**
 * The JSON Schema that Helm holds the values against. What is not in the file of values is refused: it would
 * be a mistyped name.
 */
export function emitSchema(values: Value[]): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart hooklet',
    description: 'Generated from values.yaml by npm run gen.',
    ...objectOf(values),
    definitions: DEFINITIONS,
  }
  Object.assign(schema.properties, AS_PART_OF_ANOTHER)
  return `${JSON.stringify(schema, null, 2)}\n`
}

function objectOf(values: Value[]): { type: string; properties: object; additionalProperties: boolean } {
  return {
    type: 'object',
    properties: Object.fromEntries(values.map((value) => [value.name, schemaOf(value)])),
    additionalProperties: false,
  }
}

function schemaOf({ doc, fallback, narrowed, children }: Value): object {
  const description = doc === '' ? {} : { description: doc }
  if (children !== undefined) return { ...description, ...objectOf(children) }
  if ('$ref' in narrowed) return { ...description, ...narrowed }
  return { ...description, type: typeOf(fallback), ...narrowed }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return value === null ? 'null' : typeof value
}
