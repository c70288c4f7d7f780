import type { Crd, Schema } from '../schema.ts'

/**
 * Object shapes that occur in several places, by their sorted property names: one type each, with a
 * description of its own.
 */
const SHARED: Record<string, { name: string; description: string }> = {
  'value,valueFrom': {
    name: 'ValueSource',
    description: 'A value that may be a secret: given directly, or read from a Secret or ConfigMap.',
  },
  'configMapKeyRef,secretKeyRef': { name: 'ValueFrom', description: 'Where to read a value.' },
  'key,name': { name: 'KeyRef', description: 'A key of a Secret or ConfigMap of the namespace.' },
  'lastTransitionTime,message,observedGeneration,reason,status,type': {
    name: 'Condition',
    description: 'What is true of a resource, as in all of Kubernetes.',
  },
  'document,format,resource': { name: 'SchemaSource', description: 'A JSON Schema that data must fit.' },
}

/** Names for types where the path of the field makes a poor one. */
const NAMES: Record<string, string> = { WorkflowDoItemItem: 'WorkflowTask' }

/** An interface to be written, and the schema it was made from. */
interface Declaration {
  name: string
  text: string
  shape: string
}

/**
 * Emits the TypeScript types of stored objects: a field with a default is always there, so only the others
 * are optional.
 */
export function emitTypes(crds: Crd[]): string {
  const declarations = new Map<string, Declaration>()
  for (const crd of crds) {
    const { spec, status } = crd.schema.properties ?? {}
    if (!spec || !status) throw new Error(`${crd.kind} needs spec and status`)
    const fields = [
      `apiVersion: '${crd.group}/${crd.version}'`,
      `kind: '${crd.kind}'`,
      'metadata: ObjectMeta',
      `spec: ${typeOf(spec, `${crd.kind}Spec`, declarations)}`,
      `status?: ${typeOf(status, `${crd.kind}Status`, declarations)}`,
    ]
    const text = `${docstring(crd.schema, '')}export interface ${crd.kind} {\n${fields.map((field) => `  ${field}\n`).join('')}}\n`
    declarations.set(crd.kind, { name: crd.kind, text, shape: crd.kind })
  }
  const header =
    '// Generated from crds/webhook.yaml and crds/workflow.yaml by `npm run gen`. Do not edit.\n\n' +
    "import type { ObjectMeta } from './object.ts'\n"
  return [header, ...[...declarations.values()].map(({ text }) => text)].join('\n')
}

function typeOf(schema: Schema, name: string, declarations: Map<string, Declaration>): string {
  if (schema.enum)
    return schema.enum.map((value) => (typeof value === 'string' ? `'${value}'` : value)).join(' | ')
  if (schema.type === 'array') {
    const item = typeOf(schema.items ?? {}, singular(name), declarations)
    return item.includes(' | ') ? `(${item})[]` : `${item}[]`
  }
  if (schema.type === 'object') return objectType(schema, name, declarations)
  if (schema.type === 'integer') return 'number'
  return schema.type ?? 'unknown'
}

function objectType(schema: Schema, name: string, declarations: Map<string, Declaration>): string {
  if (schema.properties) return declare(schema, name, declarations)
  if (schema.additionalProperties) {
    return `Record<string, ${typeOf(schema.additionalProperties, singular(name), declarations)}>`
  }
  return 'Record<string, unknown>'
}

/** Declares the interface, once for shapes that are shared, and returns its name. */
function declare(schema: Schema, name: string, declarations: Map<string, Declaration>): string {
  const properties = schema.properties ?? {}
  const shared = SHARED[Object.keys(properties).toSorted().join()]
  const typeName = shared?.name ?? NAMES[name] ?? name
  const shape = JSON.stringify(schema, (key, value: unknown) => (key === 'description' ? undefined : value))
  const earlier = declarations.get(typeName)
  if (earlier) {
    if (earlier.shape !== shape)
      throw new Error(`the schemas of ${typeName} differ: make the copies in the YAML equal again`)
    return typeName
  }
  const declaration: Declaration = { name: typeName, text: '', shape }
  declarations.set(typeName, declaration)
  const fields = Object.entries(properties).map(([key, property]) => {
    const optional = schema.required?.includes(key) || 'default' in property ? '' : '?'
    const type = typeOf(property, `${typeName.replace(/Spec$/, '')}${capitalised(key)}`, declarations)
    return `${docstring(property, '  ')}  ${key}${optional}: ${type}\n`
  })
  if (schema['x-kubernetes-preserve-unknown-fields']) fields.push('  [key: string]: unknown\n')
  declaration.text = `${docstring(shared ?? schema, '')}export interface ${typeName} {\n${fields.join('')}}\n`
  return typeName
}

function docstring(schema: Schema, indent: string): string {
  const parts = [schema.description ?? '']
  if ('default' in schema && !isObject(schema.default))
    parts.push(`Default: \`${JSON.stringify(schema.default)}\`.`)
  const text = parts.filter(Boolean).join(' ').replaceAll('*/', '* /')
  if (!text) return ''
  if (text.length + indent.length < LINE_WIDTH - 8)
    return `${indent}/** ${text} */
`
  return `${indent}/**
${wrap(text, `${indent} * `)}${indent} */
`
}

const LINE_WIDTH = 110

function wrap(text: string, prefix: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && prefix.length + last.length + 1 + word.length <= LINE_WIDTH) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
    .map(
      (line) => `${prefix}${line}
`,
    )
    .join('')
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
const singular = (name: string): string => (/[^s]s$/.test(name) ? name.slice(0, -1) : `${name}Item`)
