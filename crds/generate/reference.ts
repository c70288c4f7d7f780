import type { Crd, Schema } from '../schema.ts'

const VALUE_SOURCE =
  'A value that may be a secret: given directly, or read from a Secret or ConfigMap of the same namespace. What it refers to must exist ' +
  'and must not be empty; until then the webhook is closed (503).'

/** Emits the field reference of one resource in Markdown: a section an object, a row a field. */
export function emitReference(crd: Crd): string {
  const sections: string[] = []
  section(sections, 'spec', crd.schema.properties?.spec ?? {})
  section(sections, 'status', crd.schema.properties?.status ?? {})
  const valueSource = findValueSource(crd.schema)
  if (valueSource) section(sections, 'ValueSource', { ...valueSource, description: VALUE_SOURCE })
  const columns = crd.columns.filter(({ description }) => description)
  return [
    `<!-- Generated from crds/${crd.kind.toLowerCase()}.yaml by \`npm run gen\`. Do not edit. -->`,
    `# ${crd.kind}`,
    crd.schema.description ?? '',
    `\`apiVersion: ${crd.group}/${crd.version}\`, \`kind: ${crd.kind}\`, short name \`${crd.shortNames.join('`, `')}\`. The same text is in ` +
      `\`kubectl explain ${crd.kind.toLowerCase()}\`.`,
    rules(crd.schema),
    ...sections,
    '## Columns of `kubectl get`',
    table(
      ['Column', 'Meaning'],
      columns.map(({ name, description, priority }) => [
        name.toUpperCase(),
        `${description ?? ''}${priority ? ' (with `-o wide`)' : ''}`,
      ]),
    ),
  ]
    .filter(Boolean)
    .join('\n\n')
    .concat('\n')
}

/** One section for the object at `path`, then one for each object below it. */
function section(sections: string[], path: string, schema: Schema): void {
  const properties = Object.entries(schema.properties ?? {})
  const rows = properties.map(([name, field]) => [
    `\`${name}\``,
    typeName(field),
    [field.description ?? '', facts(field, schema.required?.includes(name) ?? false)]
      .filter(Boolean)
      .join(' '),
  ])
  sections.push(
    [`## \`${path}\``, schema.description ?? '', table(['Field', 'Type', 'Meaning'], rows), rules(schema)]
      .filter(Boolean)
      .join('\n\n'),
  )
  for (const [name, field] of properties) nested(sections, `${path}.${name}`, field)
}

function nested(sections: string[], path: string, schema: Schema): void {
  if (isValueSource(schema)) return
  if (schema.properties) section(sections, path, schema)
  if (schema.items) nested(sections, `${path}[]`, schema.items)
  if (schema.additionalProperties) nested(sections, `${path}.NAME`, schema.additionalProperties)
}

/** Value sources occur in many places; they have one section at the end. */
const isValueSource = (schema: Schema): boolean => Boolean(schema.properties?.valueFrom)

function findValueSource(schema: Schema): Schema | undefined {
  if (isValueSource(schema)) return schema
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]
  for (const child of children) {
    const found = child && findValueSource(child)
    if (found) return found
  }
  return undefined
}

function typeName(schema: Schema): string {
  if (isValueSource(schema)) return '[ValueSource](#valuesource)'
  if (schema.items) return `list of ${typeName(schema.items)}`
  if (schema.additionalProperties) return `map of ${typeName(schema.additionalProperties)}`
  return schema.type ?? 'any'
}

/** What the schema says beyond the description: required, default, allowed values, bounds. */
function facts(schema: Schema, required: boolean): string {
  const parts: string[] = []
  if (required) parts.push('Required.')
  if ('default' in schema && (typeof schema.default !== 'object' || schema.default === null)) {
    parts.push(`Default \`${JSON.stringify(schema.default)}\`.`)
  }
  if (schema.enum) parts.push(`One of ${schema.enum.map((value) => `\`${value}\``).join(', ')}.`)
  parts.push(
    bound('characters', schema.minLength, schema.maxLength),
    bound('', schema.minimum, schema.maximum),
    bound('entries', schema.minItems ?? schema.minProperties, schema.maxItems ?? schema.maxProperties),
  )
  if (schema.pattern) parts.push(`Matches \`${schema.pattern.replaceAll('|', '\\|')}\`.`)
  const rules = schema.properties ? [] : (schema['x-kubernetes-validations'] ?? [])
  parts.push(...rules.map(({ message }) => `Rule: ${message}.`))
  return parts.filter(Boolean).join(' ')
}

function bound(unit: string, low: number | undefined, high: number | undefined): string {
  const words = unit ? ` ${unit}` : ''
  if (low !== undefined && high !== undefined) return `${low} to ${high}${words}.`
  if (high !== undefined) return `At most ${high}${words}.`
  return low === undefined ? '' : `At least ${low}${words}.`
}

function rules(schema: Schema): string {
  const messages = schema['x-kubernetes-validations']?.map(({ message }) => `- ${message}`) ?? []
  return messages.length === 0 ? '' : ['Refused when applied:', '', ...messages].join('\n')
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
